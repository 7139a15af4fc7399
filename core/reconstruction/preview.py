"""A sparse view of a world that is still being aligned, for display only. Imports no torch."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..alignment.estimate import MOST_POINTS, Array, PhotoEstimate
from ..errors import InputError
from ..io.atomic import replacing
from ..io.validation import check_archive

SOME = 256  # pixels of a photo that tell how deep it is
FRUSTUM = 0.1  # of the median depth: how far before the camera its image is drawn
ARRAYS = {"position": (np.float32, (3,)), "color": (np.uint8, (3,)), "cameras": (np.float32, (5, 3))}


@dataclass(frozen=True, slots=True)
class Preview:
    """Points and cameras of one world."""

    position: NDArray[np.float32]  # (N, 3), N at most MOST_POINTS
    color: NDArray[np.uint8]  # (N, 3), sRGB
    cameras: NDArray[np.float32]  # (C, 5, 3), as PhotoEstimate.outline

    @classmethod
    def of(cls, estimates: Sequence[PhotoEstimate], colors: Sequence[NDArray[np.uint8]]) -> "Preview":
        """The preview of at least one photo. colors: (P, 3) of each one's chosen pixels."""
        position = np.concatenate([one.points for one in estimates])
        reach = FRUSTUM * float(
            np.median([np.median(one.depth[:SOME]) for one in estimates if len(one.depth)] or [1.0])
        )
        shown = np.flatnonzero(np.isfinite(position).all(axis=-1))
        shown = shown[:: -(-len(shown) // MOST_POINTS) or 1]
        cameras = np.stack([one.outline(reach) for one in estimates])
        return cls(position[shown].astype(np.float32), np.concatenate(colors)[shown], cameras.astype(np.float32))

    def moved(self, similarity: Array) -> "Preview":
        """The same in another world: x -> scale R x + translation, the matrix (4, 4)."""
        R, t = similarity[:3, :3], similarity[:3, 3]
        position, cameras = ((points @ R.T + t).astype(np.float32) for points in (self.position, self.cameras))
        return replace(self, position=position, cameras=cameras)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all; raises InputError when that is not possible."""
        with replacing(path) as file:
            np.savez(file, **{name: getattr(self, name) for name in ARRAYS})

    @classmethod
    def load(cls, path: Path) -> "Preview":
        """Read what `save` wrote; raises InputError for anything else."""
        try:
            check_archive(path)
            with np.load(path, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in ARRAYS}
        except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is no preview ({error}); the result will show") from error
        for name, (kind, shape) in ARRAYS.items():
            if found[name].dtype != kind or found[name].shape[1:] != shape:
                raise InputError(f"{path} is no preview ({name} is malformed); the result will show")
        return cls(**found)
