"""Normals of the surface that a photo's depth map shows."""

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.result import AlignedView

Vectors = NDArray[np.float64]


def grid_normals(view: AlignedView) -> NDArray[np.float32]:
    """(H, W, 3), world, unit length, turned to the camera: across the nearer neighbours along row and column.

    The nearer of two neighbours lies on the same surface even beside an edge. A pixel without neighbours that have a
    depth looks straight at the camera.
    """
    points = view.camera_points()
    # Down x right is turned to the camera whatever the depths are: each point lies on its own pixel's ray.
    normals = np.cross(_to_nearer(points, axis=0), _to_nearer(points, axis=1))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True).clip(np.finfo(float).tiny)
    to_camera = -points / np.linalg.norm(points, axis=-1, keepdims=True)
    unknown = ~(np.linalg.norm(normals, axis=-1) > 0.5)  # NaN too
    normals[unknown] = to_camera[unknown]
    return (normals @ view.cam2world[:3, :3].T).astype(np.float32)


def _to_nearer(points: Vectors, axis: int) -> Vectors:
    """(H, W, 3): the step along an axis from each point's nearer neighbour, or to it; NaN where there is none."""
    steps, none = np.diff(points, axis=axis), np.full_like(points.take([0], axis=axis), np.nan)
    after, before = np.concatenate([steps, none], axis=axis), np.concatenate([none, steps], axis=axis)
    lengths = [np.nan_to_num(np.linalg.norm(step, axis=-1), nan=np.inf) for step in (after, before)]
    return np.where((lengths[0] <= lengths[1])[..., None], after, before)
