"""Which photos see the same points from places far enough apart. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.camera import project
from .settings import NeighbourSettings

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SeenPoints:
    """Points that one photo sees, and its camera."""

    K: Array  # (3, 3), photo pixels
    cam2world: Array  # (4, 4), rigid
    size: tuple[int, int]  # (width, height), photo pixels
    points: Array  # (M, 3), world
    tracks: NDArray[np.int64] | None = None  # (M,), number of the point, the same in all photos; None: nobody knows

    @property
    def centre(self) -> Array:
        """(3,), world."""
        return self.cam2world[:3, 3]


def choose_neighbours(photos: Sequence[SeenPoints | None], settings: NeighbourSettings) -> list[tuple[int, ...]]:
    """For every photo the others to compare it with, the best first; None stands for a photo that takes no part.

    The score sums over shared points min(1, angle / good_angle) min(1, wide_angle / angle)^2, angle between their rays.
    """
    chosen: list[tuple[int, ...]] = []
    for index, photo in enumerate(photos):
        scores: dict[int, float] = {}
        for number, other in enumerate(photos):
            if photo is not None and other is not None and number != index:
                angles = shared_angles(photo, other)
                if len(angles) >= settings.shared and np.median(angles) >= settings.least_angle:
                    scores[number] = _score(angles, settings)
        chosen.append(tuple(sorted(scores, key=lambda number: (-scores[number], number))[: settings.witnesses]))
    return chosen


def shared_angles(photo: SeenPoints, other: SeenPoints) -> Array:
    """(S,): degrees between the rays to the points that both see, or where tracks are unknown may see."""
    points = _shared_points(photo, other)
    to_photo, to_other = photo.centre - points, other.centre - points
    across = np.linalg.norm(np.cross(to_photo, to_other), axis=1)
    return np.degrees(np.arctan2(across, (to_photo * to_other).sum(1)))


def _shared_points(photo: SeenPoints, other: SeenPoints) -> Array:
    """(S, 3), world."""
    if photo.tracks is not None and other.tracks is not None:
        return photo.points[np.isin(photo.tracks, other.tracks)]
    pairs = (photo, other), (other, photo)
    return np.concatenate([one.points[_in_sight(one.points, another)] for one, another in pairs])


def _in_sight(points: Array, photo: SeenPoints) -> NDArray[np.bool_]:
    """(M,): ahead of the camera and within the photo."""
    pixels, _ = project(points, photo.K, photo.cam2world)
    return ((pixels >= 0) & (pixels <= photo.size)).all(axis=1)  # False for NaN


def _score(angles: Array, settings: NeighbourSettings) -> float:
    far = np.minimum(angles / settings.good_angle, 1)
    alike = np.minimum(settings.wide_angle / np.maximum(angles, settings.good_angle), 1) ** 2
    return float((far * alike).sum())
