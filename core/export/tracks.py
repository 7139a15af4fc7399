"""Which points of different photos are one and the same: tracks from mutual nearest neighbours."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..matching import Pointmap, match_pointmaps
from ..reconstruction import AlignedView, Reconstruction

Indices = NDArray[np.int64]

TOLERANCE = 1.5  # network pixels between a match and where the other photo's point falls


def track_roots(reconstruction: Reconstruction, min_confidence: float) -> Indices:
    """(N,): for each of the points that `point_cloud(min_confidence)` lists, the first one that is the same.

    A point of a photo is the same as its mutual nearest neighbour in an earlier one when each falls within TOLERANCE of
    the other's pixel. Every track has one point of a photo at most: all its points match its first.
    """
    views = reconstruction.views
    rows = _rows(views, min_confidence)
    roots = np.arange(sum(np.count_nonzero(row >= 0) for row in rows))
    points = [view.world_points().reshape(-1, 3) for view in views]
    maps = [
        Pointmap(point, view.confidence.ravel(), row >= 0) for point, view, row in zip(points, views, rows, strict=True)
    ]
    for a, b in combinations(range(len(views)), 2):
        matches = match_pointmaps(maps[a], maps[b], min_confidence)
        seen = _near(views[b], points[a][matches.at_a], matches.at_b)
        seen &= _near(views[a], points[b][matches.at_b], matches.at_a)
        first, second = rows[a][matches.at_a[seen]], rows[b][matches.at_b[seen]]
        free = (roots[first] == first) & (roots[second] == second)  # neither belongs to an earlier photo's point
        roots[second[free]] = first[free]
    return roots


def project(view: AlignedView, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 2): where world points (M, 3) fall in the photo, photo pixels; NaN for points not in front of the camera."""
    in_camera = (points - view.cam2world[:3, 3]) @ view.cam2world[:3, :3]
    depth = np.where(in_camera[:, 2] > 0, in_camera[:, 2], np.nan)[:, None]
    return in_camera[:, :2] / depth * view.K[[0, 1], [0, 1]] + view.K[:2, 2]


def _rows(views: tuple[AlignedView, ...], min_confidence: float) -> list[Indices]:
    """Of each photo's flat pixels, (P,): the point's number among all kept points, -1 for pixels without."""
    rows, count = [], 0
    for view in views:
        kept = view.kept(min_confidence).ravel()
        rows.append(np.where(kept, count + np.cumsum(kept) - 1, -1))
        count += np.count_nonzero(kept)
    return rows


def _near(view: AlignedView, points: NDArray[np.float64], at: Indices) -> NDArray[np.bool_]:
    """(M,): whether world points fall within TOLERANCE of these flat pixels."""
    off = project(view, points) - view.mapping.photo_pixels().reshape(-1, 2)[at]
    return np.linalg.norm(off / np.array(view.mapping.scale), axis=-1) <= TOLERANCE
