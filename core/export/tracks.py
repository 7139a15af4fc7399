"""Which points of different photos are one and the same: each falls on the other's pixel, at the other's depth."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..geometry.camera import project
from ..reconstruction.result import AlignedView, Reconstruction

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

DEPTH_TOLERANCE = 0.05  # of the depth: about what two photos' depths of one surface differ by
NONE = -1


def track_roots(reconstruction: Reconstruction, min_confidence: float) -> Indices:
    """(N,): for each of the points that `point_cloud(min_confidence)` lists, the first one that is the same.

    A track has one point of a photo at most: all its points are the same as its first. Every pair of photos is looked
    at, in a time that grows with their pixels alone: the world says where a match can be, nothing has to be searched.
    """
    views = reconstruction.views
    rows = _rows(views, min_confidence)
    points = [view.world_points().reshape(-1, 3) for view in views]
    roots = np.arange(sum(np.count_nonzero(row != NONE) for row in rows))
    for a, b in combinations(range(len(views)), 2):
        at_a = np.flatnonzero(rows[a] != NONE)
        at_b = _partners(points[a][at_a], views[b], rows[b])
        at_a, at_b = at_a[at_b != NONE], at_b[at_b != NONE]
        mutual = _partners(points[b][at_b], views[a], rows[a]) == at_a
        first, second = rows[a][at_a[mutual]], rows[b][at_b[mutual]]
        free = (roots[first] == first) & (roots[second] == second)  # neither belongs to an earlier photo's point
        roots[second[free]] = first[free]
    return roots


def _rows(views: tuple[AlignedView, ...], min_confidence: float) -> list[Indices]:
    """Of each photo's flat pixels, (P,): the point's number among all kept points, NONE for pixels without."""
    rows, count = [], 0
    for view in views:
        kept = view.kept(min_confidence).ravel()
        rows.append(np.where(kept, count + np.cumsum(kept) - 1, NONE))
        count += np.count_nonzero(kept)
    return rows


def _partners(points: Floats, view: AlignedView, rows: Indices) -> Indices:
    """(M,): the flat pixel of a photo that world points (M, 3) fall on, NONE where it shows another surface or none."""
    pixels, depth = project(points, view.K, view.cam2world)
    (width, height), mapping = view.mapping.view_size, view.mapping
    x, y = ((pixels - mapping.offset) / mapping.scale).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)  # False for NaN
    at = y[inside].astype(np.int64) * width + x[inside].astype(np.int64)
    shown = view.depth.ravel()[at]
    same = (rows[at] != NONE) & (np.abs(depth[inside] - shown) <= DEPTH_TOLERANCE * shown)
    partners = np.full(len(points), NONE)
    partners[np.flatnonzero(inside)[same]] = at[same]
    return partners
