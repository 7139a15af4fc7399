"""The pinhole camera: rays, points from depth, pixels from points, and the focal length that a pointmap shows."""

import numpy as np
from numpy.typing import NDArray

from .similarity import weighted_median

Array = NDArray[np.float64]

# Of the longer side: fields of view from 5 to 136 degrees.
FOCAL_BOUNDS = (0.2, 11.0)


def pixel_rays(pixels: Array, focal: Array | float, principal_point: Array) -> Array:
    """Directions of unit depth: pixels (..., P, 2), focal (...,), principal_point (..., 2) -> (..., P, 3)."""
    focal = np.asarray(focal, dtype=np.float64)[..., None, None]
    slopes = (pixels - np.asarray(principal_point)[..., None, :]) / focal
    return np.concatenate([slopes, np.ones_like(slopes[..., :1])], axis=-1)


def project(points: Array, focal: Array | float, principal_point: Array) -> Array:
    """Pixels of camera-frame points (..., P, 3) -> (..., P, 2); points at or behind the camera become infinite."""
    focal = np.asarray(focal, dtype=np.float64)[..., None, None]
    depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
    pixels = focal * points[..., :2] / depth + np.asarray(principal_point)[..., None, :]
    return np.where(np.isnan(pixels), np.inf, pixels)


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
