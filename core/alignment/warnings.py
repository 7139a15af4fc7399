"""What the user should know of an alignment, in sentences."""

import numpy as np
from numpy.typing import NDArray

from ..errors import listed
from .canonical import Canonical
from .known import Pins
from .observations import Indices, Observations


def describe(
    observations: Observations,
    canonical: Canonical,
    pins: Pins,
    usable: NDArray[np.bool_],
    odd: NDArray[np.bool_],
    component: Indices,
    names: list[str],
) -> tuple[str, ...]:
    """Photos without geometry, pairs left out, photos that no pair connects, and what disagrees with the rest.

    usable, odd: (E,); component: (N,).
    """
    sentences = _without_geometry(canonical, names)
    if canonical.dropped.any():
        wrong = listed([names[photo] for photo in np.flatnonzero(canonical.dropped)])
        sentences.append(
            f"EXIF's focal length of {wrong} contradicts what the network sees and is not used; "
            "give it as known if it is right"
        )
    sentences += _pairs_left_out(observations, usable, names)
    groups = [[names[photo] for photo in np.flatnonzero(component == k)] for k in range(component.max() + 1)]
    if len(groups) > 1:
        parts = "; ".join(listed(group) for group in groups)
        sentences.append(
            f"The photos fall into {len(groups)} groups that no pair connects, each in a world of its own, "
            f"placed side by side: {parts}"
        )
    return (*sentences, *_disagreeing(observations.edges, pins, usable, odd, names))


def describe_unusable(
    observations: Observations, canonical: Canonical, usable: NDArray[np.bool_], names: list[str]
) -> tuple[str, ...]:
    """The part of `describe` on predictions of which nothing can be used, wherever the cameras come from."""
    return (*_without_geometry(canonical, names), *_pairs_left_out(observations, usable, names))


def _without_geometry(canonical: Canonical, names: list[str]) -> list[str]:
    empty = [names[photo] for photo in np.flatnonzero(~canonical.known)]
    return [f"Nothing usable was predicted for {listed(empty)}: camera and depth are placeholders"] if empty else []


def _pairs_left_out(observations: Observations, usable: NDArray[np.bool_], names: list[str]) -> list[str]:
    lost = observations.edges[~usable & (observations.edges[:, 0] != observations.edges[:, 1])]
    pairs = listed([f"{names[i]} - {names[j]}" for i, j in lost])
    return [f"Pairs left out, too few usable points: {pairs}"] if len(lost) else []


def _disagreeing(
    edges: Indices, pins: Pins, usable: NDArray[np.bool_], odd: NDArray[np.bool_], names: list[str]
) -> list[str]:
    """Photos that most of their pairs are odd with, and odd pairs of other photos."""
    each = np.arange(len(names))[:, None, None] == edges
    share = (each & odd[:, None]).sum((1, 2)) / np.maximum((each & usable[:, None]).sum((1, 2)), 1)
    strange = share > 0.5
    if strange.sum() * 2 > len(names):
        strange = share == share.max()  # where most disagree, the one that the fewest agree with
    sentences = []
    for which, what in ((strange & pins.posed, "The known poses of"), (strange & ~pins.posed, "The positions of")):
        if which.any():
            found = listed([names[photo] for photo in np.flatnonzero(which)])
            sentences.append(f"{what} {found} disagree with most of their pairs: check these photos")
    pairs = [f"{names[i]} - {names[j]}" for i, j in edges[odd & ~strange[edges].any(1)]]
    if pairs:
        sentences.append(f"Pairs that disagree with the rest and were outvoted: {listed(pairs)}")
    return sentences
