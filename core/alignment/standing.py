"""Where a photo stood in a solution. Imports no torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.pixel_mapping import PixelMapping


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """One photo's camera in a world, and how far it saw."""

    cam2world: NDArray[np.float64]  # (4, 4), rigid, OpenCV axes
    depth: float  # median of its depths, in that world
    component: int  # photos of different ones shared no world


Array = NDArray[np.float64]


MOST_POINTS = 30_000


ENOUGH = 4096  # of all its pixels, where its place is laid onto an earlier one by that


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one photo stands so far. Axes are OpenCV's, pixels the photo's."""

    photo: int
    R: Array  # (3, 3), camera to world
    centre: Array  # (3,), world
    focal: float  # photo pixels
    principal_point: Array  # (2,), photo pixels
    mapping: PixelMapping  # network pixels to photo pixels
    chosen: NDArray[np.int64]  # (P,), network pixels, row by row
    depth: NDArray[np.floating[Any]]  # (P,), > 0
    every_depth: NDArray[np.floating[Any]]  # of any shape, > 0: of all pixels that are looked at, sure or not
    component: int  # photos of different ones share no world

    @property
    def placement(self) -> Placement:
        """Its camera, and how far it sees."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self.R, self.centre
        step = 1 + self.every_depth.size // ENOUGH
        return Placement(pose, float(np.median(self.every_depth.reshape(-1)[::step])), self.component)

    @property
    def points(self) -> Array:
        """(P, 3): what the chosen pixels show, world."""
        x, y = self.mapping.photo_axes()
        return self._at(x[self.chosen % len(x)], y[self.chosen // len(x)], self.depth)

    def outline(self, reach: float) -> Array:
        """(5, 3): the camera's centre and the corners, in turn, of what the network sees of its image at a depth."""
        (left, top), (width, height) = self.mapping.offset, self.mapping.view_size
        right, bottom = left + width * self.mapping.scale[0], top + height * self.mapping.scale[1]
        x, y = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]).T
        return np.vstack([self.centre, self._at(x, y, np.full(4, reach))])

    def _at(self, x: Array, y: Array, depth: NDArray[np.floating[Any]]) -> Array:
        rays = np.stack(
            [x - self.principal_point[0], y - self.principal_point[1], np.full_like(x, self.focal)], axis=-1
        )
        return (depth[:, None] / self.focal * rays) @ self.R.T + self.centre
