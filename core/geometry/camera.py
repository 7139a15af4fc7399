"""The pinhole camera: pixels from points, points from depth, depth between pixels, the focal of a pointmap."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .similarity import weighted_median

Array = NDArray[np.float64]

# Of the longer side: fields of view from 5 to 136 degrees.
FOCAL_BOUNDS = (0.2, 11.0)
STEP = 1.1  # deepest over nearest of neighbouring pixels, from which on they are two surfaces


def intrinsics(focal: float, principal_point: Array) -> Array:
    """The matrix K (3, 3) of square pixels."""
    return np.array([[focal, 0, principal_point[0]], [0, focal, principal_point[1]], [0, 0, 1]], dtype=np.float64)


def pixel_rays(pixels: Array, focal: Array | float, principal_point: Array) -> Array:
    """Directions of unit depth: pixels (..., P, 2), focal (...,), principal_point (..., 2) -> (..., P, 3)."""
    focal = np.asarray(focal, dtype=np.float64)[..., None, None]
    slopes = (pixels - np.asarray(principal_point)[..., None, :]) / focal
    return np.concatenate([slopes, np.ones_like(slopes[..., :1])], axis=-1)


def project(points: Array, K: Array, cam2world: Array | None = None) -> tuple[Array, Array]:
    """Pixels (..., 2), NaN at and behind the camera, and depths (...,) of world points (..., 3).

    K: (3, 3), without skew; cam2world: (4, 4), rigid; None: the points are in the camera's frame.
    """
    if cam2world is not None:
        points = (points - cam2world[:3, 3]) @ cam2world[:3, :3]
    depth = points[..., 2]
    in_front = np.where(depth > 0, depth, np.nan)[..., None]
    return points[..., :2] / in_front * K[[0, 1], [0, 1]] + K[:2, 2], depth


def unproject(pixels: Array, depth: NDArray[np.floating[Any]], K: Array, cam2world: Array | None = None) -> Array:
    """World points (..., 3) on the rays of pixels (..., 2) at depths (...,); the inverse of `project`."""
    slopes = (pixels - K[:2, 2]) / K[[0, 1], [0, 1]]
    points = depth[..., None] * np.concatenate([slopes, np.ones_like(slopes[..., :1])], axis=-1)
    return points if cam2world is None else points @ cam2world[:3, :3].T + cam2world[:3, 3]


def sample_depth(
    depth: NDArray[np.floating[Any]], pixels: Array, step: float = STEP, edges: Literal["nearest", "none"] = "nearest"
) -> Array:
    """Depths (...,) of a depth map (H, W) at its pixels (..., 2); NaN outside, and where the nearest depth is not > 0.

    Between pixels of one surface the inverse depth is interpolated, which is exact on planes. Where neighbours differ
    by more than the ratio `step`, or one has no depth: the nearest pixel's depth, or NaN with edges "none".
    """
    (height, width), (x, y) = depth.shape, np.moveaxis(pixels, -1, 0)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)  # False for NaN
    (left, across), (top, down) = (_between(np.where(inside, at, 0), n) for at, n in ((x, width), (y, height)))
    weight = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
    rows, columns = np.stack([top, top, top + 1, top + 1]), np.stack([left, left + 1, left, left + 1])
    corners = depth[rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(np.float64)
    corners = np.where((corners > 0) & np.isfinite(corners), corners, np.nan)
    nearest = np.take_along_axis(corners, weight.argmax(0)[None], 0)[0]
    corners = np.where(weight > 0, corners, nearest)
    smooth = corners.max(0) <= step * corners.min(0)  # False where one is NaN
    apart = nearest if edges == "nearest" else np.nan
    return np.where(inside, np.where(smooth, 1 / (weight / corners).sum(0), apart), np.nan)


def _between(place: Array, count: int) -> tuple[NDArray[np.int64], Array]:
    """The pixel whose centre comes before a place, and the share of the way to the next; the rim is constant."""
    centred = (place - 0.5).clip(0, count - 1)
    before = np.minimum(centred.astype(np.int64), max(count - 2, 0))
    return before, centred - before


def estimate_focal(
    points: Array, centred: Array, weight: Array, bounds: tuple[float, float], iterations: int = 20
) -> Array:
    """The focals f, (...,), minimising the weighted sum of |centred - f (x/z, y/z)| (Weiszfeld's), within bounds.

    points: (..., P, 3) in the camera's frame; centred: (..., P, 2), their pixels relative to the principal point;
    weight: (..., P). Left out: points at or behind the camera, and those so far aside that alone they mean half the
    least focal (their leverage has no bound). With none left, the geometric middle of the bounds.
    """
    across, off, ahead = (
        np.hypot(points[..., 0], points[..., 1]),
        np.hypot(*np.moveaxis(centred, -1, 0)),
        points[..., 2],
    )
    seen = (ahead > 0) & (weight > 0) & (across > 0) & (off * ahead > bounds[0] / 2 * across)
    slopes = points[..., :2] / np.where(seen, ahead, 1.0)[..., None]
    weight = np.where(seen, weight, 0.0)
    along = np.where(seen, (slopes * centred).sum(-1), 0.0)
    squared = np.where(seen, (slopes**2).sum(-1), 1.0)
    some = seen.any(-1)
    focal = np.clip(weighted_median(along / squared, weight * np.sqrt(squared)), *bounds)
    length = off**2
    for _ in range(iterations):
        # |centred - f slope|^2, multiplied out
        distance = np.sqrt(np.maximum(length - focal[..., None] * (2 * along - focal[..., None] * squared), 0))
        pull = weight / np.maximum(distance, 1e-6 * bounds[0])
        total = np.where(some, (pull * squared).sum(-1), 1.0)
        focal = np.clip((pull * along).sum(-1) / total, *bounds)
    return np.where(some, focal, np.sqrt(bounds[0] * bounds[1]))


def focal_bounds(size: tuple[int, int]) -> tuple[float, float]:
    """The focals, in pixels, that a photo of this (width, height) can have here."""
    return FOCAL_BOUNDS[0] * max(size), FOCAL_BOUNDS[1] * max(size)
