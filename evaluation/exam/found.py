"""What a method found of a photo, whichever method it was. Imports no torch."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ReconstructionError
from ...core.io.atomic import replacing
from ...core.reconstruction.result import AlignedView

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoundPhoto:
    """One photo's camera and the points that the method sees in it, in a world of the method's choice."""

    K: Array  # (3, 3), pixels of the upright photo
    cam2world: Array  # (4, 4), rigid, OpenCV axes
    component: int  # photos of different components share no world
    pixels: Array  # (N, 2) as (x, y), photo pixels, centres at .5
    points: Array  # (N, 3), world, of those pixels


def found_photo(view: AlignedView) -> FoundPhoto:
    """A reconstruction's photo with its unmasked points."""
    pixels, points = view.mapping.photo_pixels(), view.world_points()
    kept = view.kept()
    return FoundPhoto(view.K, view.cam2world, view.component, pixels[kept], points[kept])


def save_found(path: Path, found: Mapping[str, FoundPhoto], figures: Mapping[str, float]) -> None:
    """Write photos and figures as an .npz that `load_found` reads."""
    photos = list(found.values())
    arrays: dict[str, Any] = {
        "names": np.array(list(found), dtype=np.str_),
        "K": np.array([photo.K for photo in photos]).reshape(-1, 3, 3),
        "cam2world": np.array([photo.cam2world for photo in photos]).reshape(-1, 4, 4),
        "component": np.array([photo.component for photo in photos], dtype=np.int64),
        "ends": np.cumsum([len(photo.pixels) for photo in photos], dtype=np.int64),
        "pixels": np.concatenate([np.empty((0, 2)), *(photo.pixels for photo in photos)]),
        "points": np.concatenate([np.empty((0, 3)), *(photo.points for photo in photos)]),
    }
    with replacing(path) as file:
        np.savez(file, figures=list(figures), values=list(figures.values()), **arrays)


def load_found(path: Path) -> tuple[dict[str, FoundPhoto], dict[str, float]]:
    """What `save_found` was given. Raises ReconstructionError, naming the file, for anything else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        starts = np.split(arrays["pixels"], arrays["ends"][:-1]), np.split(arrays["points"], arrays["ends"][:-1])
        cameras = zip(arrays["K"], arrays["cam2world"], arrays["component"].tolist(), *starts, strict=False)
        photos = [FoundPhoto(*camera) for camera in cameras]
        figures = dict(zip(arrays["figures"].tolist(), arrays["values"].tolist(), strict=True))
        return dict(zip(arrays["names"].tolist(), photos, strict=True)), figures
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReconstructionError(f"{path} does not hold found cameras ({error}); run the exam again") from error
