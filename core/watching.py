"""What those are told who look on at a reconstruction: how far each photo is, and how the world looks by now.

A Report says how far the work is; a Watch is for what a person likes to see of it. Imports no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .preview import Preview

PhotoState = Literal["read", "predicted", "placed"]


def _nobody(state: PhotoState, photos: Sequence[Path]) -> None:
    """Looks on."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on; by default nobody."""

    photos: Callable[[PhotoState, Sequence[Path]], None] = _nobody  # these photos have come so far
    preview: Callable[[Preview], None] | None = None  # at most once a second; None: none are made


NOBODY = Watch()
