"""The ground of a reconstruction: which way is up, and the largest level plane below the cameras. NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.result import AlignedView, Reconstruction

Array = NDArray[np.float64]

LEVEL_PRIOR = 0.01  # of the cameras' mean up against their horizontal axes: matters where all look one way
LEAST_AGREEMENT = 0.3  # length of the cameras' mean up; shorter, they say nothing of it
STEEPEST = np.radians(45)  # of a ground against the cameras' up
THICKNESS = 0.02  # of the ground, as a share of the median depth
LEAST_SHARE = 0.05  # of the points, on a ground
ABOVE = 0.8  # share of the cameras that are above it
REACH = 0.9  # share of the points, the innermost, among which the ground is
REFITS = 8
ROBUST, NARROWEST = 4.5, 20  # of the median height; of the thickness
BLOCK = 16  # planes that are counted at once: what a core keeps in its cache


@dataclass(frozen=True, slots=True)
class Search:
    """How thoroughly a ground is looked for."""

    most_points: int = 4000  # that a plane is searched in
    triples: int = 40_000  # drawn; those that lie too steep are not looked at further


THOROUGH, QUICK = Search(), Search(1000, 4000)


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The points x with normal . x = offset."""

    normal: Array  # (3,), of length 1; of a ground: up
    offset: float  # scene units

    def height(self, points: Array) -> Array:
        """(..., 3) -> (...): signed distance, above is positive."""
        return points @ self.normal - self.offset


def main_views(reconstruction: Reconstruction) -> tuple[AlignedView, ...]:
    """The photos of the component with most of them: the others share no world with them."""
    components = [view.component for view in reconstruction.views]
    largest = max(components, key=components.count)
    return tuple(view for view in reconstruction.views if view.component == largest)


def cameras_up(cam2world: Array) -> Array | None:
    """The direction u (3,) minimising  mean (x_i . u)^2 - w (m . u)^2:  photos' horizontal axes are level.

    cam2world: (N, 4, 4), OpenCV axes; x_i: their horizontal axes, m: the mean of their ups, w: LEVEL_PRIOR. Cameras
    that all look down at an angle thus do not tilt the world, as their mean up alone would. None where the ups cancel.
    """
    mean = -cam2world[:, :3, 1].mean(axis=0)
    if np.linalg.norm(mean) < LEAST_AGREEMENT:
        return None
    x, mean = cam2world[:, :3, 0], mean / np.linalg.norm(mean)
    _, axes = np.linalg.eigh(x.T @ x / len(x) - LEVEL_PRIOR * np.outer(mean, mean))
    return axes[:, 0] * np.sign(axes[:, 0] @ mean)


def find_ground(
    points: Array, centres: Array, up: Array, thickness: float, search: Search = THOROUGH, seed: int = 0
) -> Plane | None:
    """The plane with the most points on it less those below it, among those that are level and below the cameras.

    RANSAC (Fischler and Bolles 1981) over triples of points, then least squares over what lies on the best.
    points: (N, 3), one for each place rather than for each pixel; centres: of the cameras, (M, 3); up: (3,), of length
    1, roughly; thickness: how far from a plane a point may lie that is on it. None where no plane holds LEAST_SHARE.
    """
    if len(points) < 3:
        return None
    rng = np.random.default_rng(seed)
    most = search.most_points
    few = points if len(points) <= most else points[rng.choice(len(points), most, replace=False)]
    normals, offsets = _planes(few[rng.integers(len(few), size=(search.triples, 3))], up)
    high = (centres @ normals.T > offsets).mean(axis=0) >= ABOVE
    scores = _scores(few, normals[high], offsets[high], thickness)
    if not len(scores):
        return None
    best = int(np.argmax(scores))
    plane = _refit(points, Plane(normals[high][best], float(offsets[high][best])), thickness)
    share = (np.abs(plane.height(points)) < thickness).mean()
    return plane if scores[best] > 0 and share >= LEAST_SHARE else None


def thinned_places(points: Array, cell: float) -> Array:
    """One of the points (N, 3) in every cell of a cubic grid, without the farthest of them: places, not pixels."""
    if not len(points):
        return points
    distance = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    near = points[distance <= np.quantile(distance, REACH)]
    places = np.floor(near / cell).astype(np.int64)
    order = np.lexsort(places.T)  # stable, and several times as fast as np.unique of rows
    changes = (np.diff(places[order], axis=0) != 0).any(axis=1)
    return near[np.sort(order[np.concatenate([[True], changes])])]


def fit_plane(points: Array) -> Plane:
    """The plane minimising the sum of squared distances of the points (N, 3), N >= 3, not all on one line.

    The normal's sign is open.
    """
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    return Plane(axes[2], float(axes[2] @ middle))


def _planes(triples: Array, up: Array) -> tuple[Array, Array]:
    """Normals (K, 3), upwards, and offsets (K,) of the planes through triples (T, 3, 3) that are not too steep."""
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    length = np.linalg.norm(normals, axis=1)
    level = np.abs(normals @ up) > np.cos(STEEPEST) * length
    normals = normals[level] / length[level, None]
    normals *= np.sign(normals @ up)[:, None]
    return normals, (normals * triples[level, 0]).sum(axis=1)


def _scores(points: Array, normals: Array, offsets: Array, thickness: float) -> Array:
    """(K,): how many points lie on each plane, less how many lie below: under a ground there is nothing."""
    scores = np.empty(len(normals))
    columns = np.ascontiguousarray(points.T)
    for first in range(0, len(normals), BLOCK):
        part = slice(first, first + BLOCK)
        heights = normals[part] @ columns - offsets[part, None]
        on_or_below, below = heights < thickness, heights <= -thickness
        scores[part] = [np.count_nonzero(a) - 2 * np.count_nonzero(b) for a, b in zip(on_or_below, below, strict=True)]
    return scores


def _refit(points: Array, plane: Plane, thickness: float) -> Plane:
    """Least squares over what lies on the plane, ever more narrowly as the points allow: feet of walls pull at it."""
    width = thickness
    for _ in range(REFITS):
        heights = np.abs(plane.height(points))
        near = heights < width
        if np.count_nonzero(near) < 3:  # of few points that hardly lie on a plane
            break
        fitted = fit_plane(points[near])
        width = np.clip(ROBUST * np.median(heights[near]), thickness / NARROWEST, thickness)
        sign = float(np.sign(fitted.normal @ plane.normal))
        plane = Plane(fitted.normal * sign, fitted.offset * sign)
    return plane
