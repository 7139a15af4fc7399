"""What of a reconstruction is written: photos of one world, points that are sure enough and not too many."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.result import Reconstruction

SEED = 0  # of the choice of points: the same every time


def split_worlds(reconstruction: Reconstruction) -> list[Reconstruction]:
    """One reconstruction for each component, most photos first: coordinates of different ones mean nothing together."""
    components = [view.component for view in reconstruction.views]
    order = sorted(set(components), key=lambda component: (-components.count(component), component))
    return [
        reconstruction.of_views([index for index, each in enumerate(components) if each == component])
        for component in order
    ]


def thinned(reconstruction: Reconstruction, min_confidence: float, max_points: int | None) -> Reconstruction:
    """The same with masks that keep only points at or above a confidence, at most `max_points` of them."""
    kept = [view.kept(min_confidence) for view in reconstruction.views]
    chosen = choose(sum(map(np.count_nonzero, kept)), max_points)
    views, first = [], 0
    for view, keep in zip(reconstruction.views, kept, strict=True):
        pixels = np.flatnonzero(keep)
        mask = np.zeros(keep.size, bool)
        mask[pixels[chosen[first : first + len(pixels)]]] = True
        views.append(replace(view, mask=mask.reshape(keep.shape)))
        first += len(pixels)
    return replace(reconstruction, views=tuple(views))


def choose(count: int, most: int | None) -> NDArray[np.bool_]:
    """(count,): True for all, or for `most` of them, drawn evenly and every time the same."""
    chosen = np.ones(count, bool)
    if most is not None and most < count:
        chosen[np.random.default_rng(SEED).permutation(count)[most:]] = False
    return chosen
