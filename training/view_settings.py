"""What is rendered of a Blender scene to learn from it, and for how long. Imports no torch."""

from dataclasses import dataclass

from ..core.errors import InputError

FINE_TUNE_MINUTES = 10.0  # that a model learns on them


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """Views of a scene as training data."""

    views: int = 32  # cameras placed in free space
    size: tuple[int, int] = (320, 240)  # (width, height), pixels
    samples: int = 32  # of Cycles per pixel, denoised afterwards
    seed: int = 0  # of the cameras

    def __post_init__(self) -> None:
        if self.views < 2:
            raise InputError(f"views must be at least 2, got {self.views}")
        if min(self.size) < 16 or max(self.size) > 16384:
            raise InputError(f"size must be from 16 to 16384 pixels a side, got {self.size[0]} x {self.size[1]}")
        if self.samples < 1:
            raise InputError(f"samples must be at least 1, got {self.samples}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")
