"""How far a reconstructed surface is from a scanned one: the DTU benchmark's figures (Aanaes et al. 2016)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SPACING = 0.2  # mm: found points nearer to each other than the scan's resolution count once
FARTHEST = 60.0  # mm: distances are not measured beyond
OUTLIER = 20.0  # mm: distances from there on are left out of the means
CHUNK = 200_000  # points whose neighbours are looked up together


@dataclass(frozen=True, slots=True)
class ScannedSurface:
    """What the benchmark knows of one object; millimetres."""

    points: Array  # (M, 3), of the structured-light scan
    observable: Mask  # (X, Y, Z): the scanner saw this cell
    corners: Array  # (2, 3): the centre of the first cell, and the far end of the box in which anything counts
    cell: float  # side of a cell
    plane: Array  # (4,): scan points p count where plane . (p, 1) > 0, above the table

    def seen(self, points: Array) -> Mask:
        """(N,): in an observable cell."""
        index = np.rint((points - self.corners[0]) / self.cell).astype(np.int64)
        inside = ((index >= 0) & (index < self.observable.shape)).all(-1)
        seen = np.zeros(len(points), dtype=bool)
        seen[inside] = self.observable[tuple(index[inside].T)]
        return seen

    def above_table(self) -> Mask:
        """(M,), of the scan's points."""
        return self.points @ self.plane[:3] + self.plane[3] > 0


def surface_metrics(found: Array, scan: ScannedSurface, seed: int = 0) -> dict[str, float]:
    """Mean distances in mm: accuracy of found points to the scan, completeness of the scan to them, overall their mean.

    found: (N, 3), finite, in the scan's world, thinned here to SPACING in an order drawn with `seed`. Points outside
    the observable cells, scan points at or below the table, and distances from OUTLIER on are left out; OUTLIER where
    nothing is left.
    """
    found = thinned(found, SPACING, seed)
    to_scan = nearest_distances(found, scan.points, scan.corners)[scan.seen(found)]
    to_found = nearest_distances(scan.points, found, scan.corners)[scan.above_table()]
    accuracy, completeness = _mean_inlier(to_scan), _mean_inlier(to_found)
    return {"accuracy": accuracy, "completeness": completeness, "overall": (accuracy + completeness) / 2}


def thinned(points: Array, spacing: float, seed: int = 0) -> Array:
    """Those of the points (N, 3) that are left when, in random order, each one left takes out all within `spacing`."""
    order, tree = np.random.default_rng(seed).permutation(len(points)), KDTree(points)
    left = np.ones(len(points), dtype=bool)
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        chunk = chunk[left[chunk]]
        for point, near in zip(chunk, tree.query_ball_point(points[chunk], spacing, workers=-1), strict=True):
            if left[point]:
                left[near] = False
                left[point] = True
    return points[left]


def nearest_distances(points: Array, target: Array, corners: Array) -> Array:
    """From each of the points (N, 3) to the nearest of the target (M, 3), at most FARTHEST -> (N,).

    FARTHEST too for points outside of the box, which is extended to whole steps of that length, and without a target.
    """
    steps = np.floor((corners[1] - corners[0]) / FARTHEST) + 1
    inside = ((points >= corners[0]) & (points < corners[0] + steps * FARTHEST)).all(-1)
    distances = np.full(len(points), FARTHEST)
    if len(target):
        found, _ = KDTree(target).query(points[inside], distance_upper_bound=FARTHEST, workers=-1)
        distances[inside] = np.minimum(found, FARTHEST)
    return distances


def _mean_inlier(distances: Array) -> float:
    near = distances[distances < OUTLIER]
    return float(near.mean()) if len(near) else OUTLIER
