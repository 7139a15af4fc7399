"""A photo's depth between the centres of its network pixels. NumPy only."""

import numpy as np
from numpy.typing import NDArray

from .result import AlignedView

Floats = NDArray[np.float64]
STEP = 1.1  # deepest over nearest of four neighbouring pixels, from which on they are two surfaces


def depth_at(view: AlignedView, pixels: Floats, min_confidence: float = 1.0) -> Floats:
    """(M,): depths at photo pixels (M, 2); NaN outside the picture and where the nearest network pixel is not kept.

    Between pixels of one surface the inverse depth is interpolated, which is linear on planes; at depth edges and
    beside pixels that are not kept the nearest pixel's depth holds.
    """
    (width, height), mapping = view.mapping.view_size, view.mapping
    x, y = ((pixels - mapping.offset) / mapping.scale).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)  # False for NaN
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    nearest = _kept_depths(view, y.astype(np.int64) * width + x.astype(np.int64), min_confidence)
    left, across = _between(x, width)
    top, down = _between(y, height)
    rows, columns = np.stack([top, top, top + 1, top + 1]), np.stack([left, left + 1, left, left + 1])
    weights = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
    four = rows.clip(0, height - 1) * width + columns.clip(0, width - 1)
    corners = _kept_depths(view, four, min_confidence)
    smooth = corners.max(axis=0) <= STEP * corners.min(axis=0)  # False where one is NaN
    between = 1 / (weights / corners).sum(axis=0)
    return np.where(inside, np.where(smooth, between, nearest), np.nan)


def _between(place: Floats, count: int) -> tuple[NDArray[np.int64], Floats]:
    """The pixel whose centre comes before a place, and the share of the way to the next; the rim is constant."""
    centred = (place - 0.5).clip(0, count - 1)
    before = np.minimum(centred.astype(np.int64), max(count - 2, 0))
    return before, centred - before


def _kept_depths(view: AlignedView, flat: NDArray[np.int64], min_confidence: float) -> Floats:
    """The depths of flat network pixels; NaN where they are masked, too unsure or nowhere."""
    depth = view.depth.ravel()[flat].astype(np.float64)
    kept = view.mask.ravel()[flat] & (view.confidence.ravel()[flat] >= min_confidence) & (depth > 0)
    return np.where(kept & np.isfinite(depth), depth, np.nan)


def points_at(view: AlignedView, pixels: Floats, depth: Floats) -> Floats:
    """World points (M, 3) on the rays of photo pixels (M, 2), at depths (M,)."""
    slopes = (pixels - view.K[:2, 2]) / view.K[[0, 1], [0, 1]]
    in_camera = depth[:, None] * np.column_stack([slopes, np.ones(len(slopes))])
    return in_camera @ view.cam2world[:3, :3].T + view.cam2world[:3, 3]
