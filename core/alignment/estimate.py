"""What is estimated of each photo while an alignment goes on, for previews. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..geometry.camera import intrinsics, unproject
from ..geometry.pixel_sampling import spread
from ..images.pixel_mapping import PixelMapping
from ..settings import AUTO_HIDDEN

if TYPE_CHECKING:
    from .dense import DenseDepth
    from .objective import World
    from .observations import Indices
    from .photo import AlignmentPhoto
    from .pixel_depth import Camera

Array = NDArray[np.float64]
Depths = NDArray[np.floating[Any]]

MOST_POINTS = 30_000  # of a preview
FEWEST_POINTS = 64  # of a photo in it
ENOUGH = 4096  # depths of a photo whose median is taken for that of all


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """One photo's camera in a world, and its median depth."""

    cam2world: NDArray[np.float64]  # (4, 4), rigid, OpenCV axes
    depth: float  # median of its depths, in that world
    component: int  # photos of different components share no world


@dataclass(frozen=True, slots=True)
class PhotoEstimate:
    """One photo's camera and some of its depths so far. Axes are OpenCV's, pixels the photo's."""

    photo: int
    R: Array  # (3, 3), camera to world
    centre: Array  # (3,), world
    focal: float  # photo pixels
    principal_point: Array  # (2,), photo pixels
    mapping: PixelMapping  # network pixels to photo pixels
    chosen: NDArray[np.int64]  # (P,), flat network pixels
    depth: Depths  # (P,), > 0
    every_depth: Depths  # of any shape, > 0: of all pixels that the alignment uses, whatever their confidence
    component: int  # photos of different components share no world

    @property
    def placement(self) -> Placement:
        """The camera and its median depth."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self.R, self.centre
        step = 1 + self.every_depth.size // ENOUGH
        return Placement(pose, float(np.median(self.every_depth.reshape(-1)[::step])), self.component)

    @property
    def points(self) -> Array:
        """(P, 3): world points of the chosen pixels."""
        x, y = self.mapping.photo_axes()
        return self._unprojected(x[self.chosen % len(x)], y[self.chosen // len(x)], self.depth)

    def outline(self, depth: float) -> Array:
        """(5, 3): the camera's centre, and the corners of the network's crop of its image at a depth, in turn."""
        (left, top), (width, height) = self.mapping.offset, self.mapping.view_size
        right, bottom = left + width * self.mapping.scale[0], top + height * self.mapping.scale[1]
        x, y = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]).T
        return np.vstack([self.centre, self._unprojected(x, y, np.full(4, depth))])

    def _unprojected(self, x: Array, y: Array, depth: Depths) -> Array:
        K = intrinsics(self.focal, self.principal_point)
        return unproject(np.stack([x, y], axis=-1), depth, K) @ self.R.T + self.centre


# Called often with the photos' estimates so far, as an iterator that costs nothing unless it is read, and the numbers
# of the photos whose estimates are final.
Observe = Callable[[Iterable[PhotoEstimate], Sequence[int]], None]


def ignore(estimates: Iterable[PhotoEstimate], final: Sequence[int]) -> None:
    """The observer of an alignment that nobody observes."""


def sampled_estimates(
    photos: Sequence[AlignmentPhoto], component: Indices, numbers: Indices, solved: Callable[[], World], weight: Array
) -> Iterator[PhotoEstimate]:
    """Estimates of some photos (N,) from their sampled pixels; weight: (N, P), the confidence of each pixel."""
    world = solved()
    least = np.quantile(weight, AUTO_HIDDEN)
    for n, number in enumerate(numbers.tolist()):
        mapping, shown = photos[number].mapping, (weight[n] >= least) & (weight[n] > 0)
        camera = (world.R[n], world.centre[n], float(world.focal[n]), world.principal_point[n])
        chosen = _spread(mapping.view_size, world.depth.shape[1])[shown]
        depth = world.depth[n]
        yield PhotoEstimate(number, *camera, mapping, chosen, depth[shown], depth, int(component[number]))


def final_estimate(
    photos: Sequence[AlignmentPhoto], component: Indices, number: int, camera: Camera, dense: DenseDepth
) -> Iterator[PhotoEstimate]:
    """The estimate of one photo from its final depth."""
    mapping, mask = photos[number].mapping, photos[number].mask
    share = int(MOST_POINTS / (1 - AUTO_HIDDEN)) // len(photos)
    chosen = _spread(mapping.view_size, max(FEWEST_POINTS, share))
    confidence = dense.confidence.reshape(-1)[chosen]
    shown = confidence >= np.quantile(confidence, AUTO_HIDDEN)
    if mask is not None:
        shown &= mask.reshape(-1)[chosen]
    place = (camera.R, camera.centre, camera.focal, camera.principal_point)
    depth = dense.depth.reshape(-1)[chosen[shown]]
    yield PhotoEstimate(number, *place, mapping, chosen[shown], depth, dense.depth, int(component[number]))


@lru_cache(maxsize=16)
def _spread(size: tuple[int, int], count: int) -> Indices:
    """Cached, since most photos of a set are of one size."""
    return spread(size, count)
