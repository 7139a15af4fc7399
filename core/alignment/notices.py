"""What the user should know of an alignment, in sentences."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .canonical import Canonical
from .observations import Indices, Observations

LISTED = 5  # names in one sentence before it is cut short


def describe(
    observations: Observations,
    canonical: Canonical,
    usable: NDArray[np.bool_],
    component: Indices,
    names: Sequence[str] | None,
) -> tuple[str, ...]:
    """Photos without geometry, pairs left out, and photos that no pair connects. usable: (E,); component: (N,)."""
    names = list(names or map(str, range(len(component))))
    sentences = []
    empty = [names[photo] for photo in np.flatnonzero(~canonical.known)]
    if empty:
        sentences.append(f"Nothing usable was predicted for {_listed(empty)}: camera and depth are placeholders")
    lost = observations.edges[~usable & (observations.edges[:, 0] != observations.edges[:, 1])]
    if len(lost):
        pairs = _listed([f"{names[i]} - {names[j]}" for i, j in lost])
        sentences.append(f"Pairs left out, too few usable points: {pairs}")
    groups = [[names[photo] for photo in np.flatnonzero(component == k)] for k in range(component.max() + 1)]
    if len(groups) > 1:
        parts = "; ".join(_listed(group) for group in groups)
        sentences.append(
            f"The photos fall into {len(groups)} groups that no pair connects, each in a world of its own, "
            f"placed side by side: {parts}"
        )
    return tuple(sentences)


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
