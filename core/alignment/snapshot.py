"""What can be seen of an alignment while it goes on; it changes nothing, and costs nothing where nobody looks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..geometry.pixel_sampling import spread
from ..images.pixel_mapping import PixelMapping
from ..settings import AUTO_HIDDEN
from .dense import DenseDepth
from .objective import World
from .observations import Array, Indices, Masks
from .pixel_depth import Camera
from .standing import MOST_POINTS, Standing

Depths = NDArray[np.floating[Any]]

FEWEST = 64  # pixels of a photo


class Look(Protocol):
    """Where photos stand, told often; takes from the iterables what it wants."""

    def stand(self, standings: Iterable[Standing]) -> None:
        """They stand here so far."""
        ...

    def placed(self, photos: Iterable[int]) -> None:
        """Nothing about them changes any more."""
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """The photos of an alignment as a look sees them; nothing for nobody (None)."""

    look: Look | None
    mappings: Sequence[PixelMapping]
    masks: Masks
    component: Indices  # (N,), of all photos

    def stand(self, photos: Indices, world: World, weight: Array) -> None:
        """Photos (N,) with the pixels that the alignment looks at; weight: (N, P), how sure each is."""
        if self.look is not None:
            self.look.stand(self._sparse(photos, world, weight))

    def place(self, photo: int, camera: Camera, dense: DenseDepth) -> None:
        """One photo with its final depth."""
        if self.look is not None:
            self.look.stand(self._dense(photo, camera, dense))
            self.look.placed([photo])

    def _sparse(self, photos: Indices, world: World, weight: Array) -> Iterable[Standing]:
        least = np.quantile(weight, AUTO_HIDDEN)
        for n, photo in enumerate(photos.tolist()):
            mapping, shown = self.mappings[photo], (weight[n] >= least) & (weight[n] > 0)
            chosen = _spread(mapping.view_size, world.depth.shape[1])[shown]
            camera = Camera(world.R[n], world.centre[n], float(world.focal[n]), world.principal_point[n])
            yield self._standing(photo, camera, chosen, world.depth[n][shown], world.depth[n])

    def _dense(self, photo: int, camera: Camera, dense: DenseDepth) -> Iterable[Standing]:
        mapping, mask = self.mappings[photo], self.masks[photo]
        share = int(MOST_POINTS / (1 - AUTO_HIDDEN)) // len(self.mappings)
        chosen = _spread(mapping.view_size, max(FEWEST, share))
        confidence = dense.confidence.reshape(-1)[chosen]
        shown = confidence >= np.quantile(confidence, AUTO_HIDDEN)
        if mask is not None:
            shown &= mask.reshape(-1)[chosen]
        chosen = chosen[shown]
        yield self._standing(photo, camera, chosen, dense.depth.reshape(-1)[chosen], dense.depth)

    def _standing(self, photo: int, camera: Camera, chosen: Indices, depth: Depths, every_depth: Depths) -> Standing:
        place = (camera.R, camera.centre, camera.focal, camera.principal_point)
        seen = (self.mappings[photo], chosen, depth, every_depth)
        return Standing(photo, *place, *seen, int(self.component[photo]))


@lru_cache(maxsize=16)
def _spread(size: tuple[int, int], count: int) -> Indices:
    """Most photos of a set are of one size."""
    return spread(size, count)
