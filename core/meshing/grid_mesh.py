"""One photo's pixels as a mesh: faces between neighbours, cut where they lie on different surfaces."""

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.result import AlignedView
from .mesh import Mesh
from .neighbours import Neighbours, find_neighbours


def grid_mesh(view: AlignedView, min_confidence: float, max_slope: float) -> Mesh:
    """The surface that one photo shows: a vertex for each kept pixel, at its point; two faces between four.

    max_slope: degrees, as in `find_neighbours`. Pixels that are masked, below the confidence or alone have no vertex.
    The photo itself is the picture.
    """
    kept = view.kept(min_confidence) & (view.depth > 0)
    corners = _faces(find_neighbours(view, kept, max_slope))
    number = np.cumsum(kept.ravel(), dtype=np.int32) - 1
    mesh = Mesh(
        view.name,
        view.world_points()[kept].astype(np.float32),
        number[corners],
        view.colors[kept],
        uv=_photo_uv(view)[corners],
        photo=view,
    )
    return mesh.with_faces(np.ones(len(corners), bool))


def _photo_uv(view: AlignedView) -> NDArray[np.float32]:
    """(H * W, 2): where the network pixels' centres are in the upright photo, v upwards."""
    uv = view.mapping.photo_pixels() / view.mapping.photo_size
    uv[..., 1] = 1 - uv[..., 1]
    return uv.reshape(-1, 2).astype(np.float32)


def _faces(near: Neighbours) -> NDArray[np.int64]:
    """(F, 3) flat pixels of all triangles whose corners hang together, counter-clockwise for the camera.

    Four pixels are split along their flatter diagonal, or the only one that there is.
    """
    height, width = near.below.shape[0] + 1, near.right.shape[1] + 1
    pixel = np.arange(height * width).reshape(height, width)
    a, b, c, d = pixel[:-1, :-1], pixel[:-1, 1:], pixel[1:, :-1], pixel[1:, 1:]
    top, bottom, left, right = near.right[:-1], near.right[1:], near.below[:, :-1], near.below[:, 1:]
    cases = (
        (near.falls & left & bottom, (a, c, d)),
        (near.falls & top & right, (a, d, b)),
        (~near.falls & left & top, (a, c, b)),
        (~near.falls & right & bottom, (b, c, d)),
    )
    return np.concatenate([np.stack([corner[where] for corner in face], axis=-1) for where, face in cases])
