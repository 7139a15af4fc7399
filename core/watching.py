"""What those are told who look on at a reconstruction: how far each photo is, and how the world looks by now.

A Report says how far the work is; a Watch is for what a person likes to see of it. Imports no torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from .preview import Array, Preview, Standing

PhotoState = Literal["read", "predicted", "placed"]


def _nobody(state: PhotoState, photos: Sequence[Path]) -> None:
    """Looks on."""


def _as_aligned(standings: Mapping[Path, Standing]) -> Array:
    return np.eye(4)


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on; by default nobody."""

    photos: Callable[[PhotoState, Sequence[Path]], None] = _nobody  # these photos have come so far
    preview: Callable[[Preview], None] | None = None  # at most once a second; None: none are made
    world: Callable[[Mapping[Path, Standing]], Array] = (
        _as_aligned  # where they are shown: (4, 4), from the alignment's
    )


NOBODY = Watch()
