"""A light picture of a world that is still coming together: for eyes, not for measuring. Imports no torch."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .files import replacing
from .pixel_mapping import PixelMapping
from .placement import Placement
from .soundness import check_archive

Array = NDArray[np.float64]

MOST_POINTS = 30_000
SOME = 256  # pixels of a photo that tell how deep it is
ENOUGH = 4096  # of all its pixels, where its place is laid onto an earlier one by that
FRUSTUM = 0.1  # of the median depth: how far before the camera its image is drawn
ARRAYS = {"position": (np.float32, (3,)), "color": (np.uint8, (3,)), "cameras": (np.float32, (5, 3))}


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


@dataclass(frozen=True, slots=True)
class Preview:
    """Points and cameras of one world."""

    position: NDArray[np.float32]  # (N, 3), N at most MOST_POINTS
    color: NDArray[np.uint8]  # (N, 3), sRGB
    cameras: NDArray[np.float32]  # (C, 5, 3), as Standing.outline

    @classmethod
    def of(cls, standings: Sequence[Standing], colors: Sequence[NDArray[np.uint8]]) -> "Preview":
        """What to show of photos, at least one, that stand somewhere. colors: (P, 3) of each one's chosen pixels."""
        position = np.concatenate([one.points for one in standings])
        reach = FRUSTUM * float(
            np.median([np.median(one.depth[:SOME]) for one in standings if len(one.depth)] or [1.0])
        )
        shown = np.flatnonzero(np.isfinite(position).all(axis=-1))
        shown = shown[:: -(-len(shown) // MOST_POINTS) or 1]
        cameras = np.stack([one.outline(reach) for one in standings])
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
