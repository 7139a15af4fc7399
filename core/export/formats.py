"""One function for every format: a reconstruction into a folder, whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..io.atomic import check_writable, record
from ..io.interruption import held_back
from ..reconstruction.result import AlignedView, Reconstruction
from ..world.transform import WORLD_TO_Z_UP, turned
from .colmap_binary import save_binary
from .colmap_text import save_text
from .depth_maps import save_depth_maps
from .masks import MASKS, are_masked, mask_name, save_masks
from .normals import grid_normals
from .photos import copy_photos, export_names
from .ply import save_ply, save_splat_ply
from .selection import split_worlds, thinned
from .settings import FORMATS, ExportSettings
from .sparse_model import SparseModel, sparse_model
from .transforms import save_transforms

IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Request:
    """What a writer is to do."""

    worlds: list[Reconstruction]  # most photos first; at least one; points hidden for a flaw are masked
    photos: list[tuple[AlignedView, ...]]  # each world's, under no masks but their own
    names: list[list[str]]  # of each world's photos
    format: str
    settings: ExportSettings
    min_confidence: float


def export_reconstruction(
    reconstruction: Reconstruction, folder: Path, format_name: str, settings: ExportSettings | None = None
) -> list[str]:
    """Write a reconstruction in one of FORMATS into a folder; returns warnings, one sentence each.

    Photos that share no world with the most others are left out where a format has room for one world only. Raises
    InputError for a format that is none, and for a folder that holds such files already or cannot be written, which
    then holds nothing new. A photo that is not the one reconstructed is left out (`copy_photos`).
    """
    if format_name not in WRITERS:
        raise InputError(f"{format_name!r} is no format; choose one of {', '.join(WRITERS)}")
    if not reconstruction.views:
        raise InputError("This reconstruction holds no photo; run it again with at least one")
    settings = settings or ExportSettings()
    worlds = split_worlds(reconstruction)
    names = dict(zip((view.name for view in reconstruction.views), export_names(reconstruction.views), strict=True))
    sure = reconstruction.min_confidence if settings.min_confidence is None else settings.min_confidence
    world_names = [[names[view.name] for view in world.views] for world in worlds]
    with _all_or_nothing(folder, FORMATS[format_name].entries) as scratch:
        visible = [world.without_flaws() if settings.tracks else world.without_hidden() for world in worlds]
        photos = [world.views for world in worlds]
        return WRITERS[format_name](scratch, Request(visible, photos, world_names, format_name, settings, sure))


def _colmap(folder: Path, request: Request) -> list[str]:
    """sparse/0 and, of other worlds, sparse/1, ...: COLMAP's own way with photos that do not connect."""
    save = save_text if request.format == "colmap-text" else save_binary
    for number, (world, names) in enumerate(zip(request.worlds, request.names, strict=True)):
        save(folder / "sparse" / str(number), _sparse(world, names, request))
    return [warning for number in range(len(request.worlds)) for warning in _photos(folder, number, request)]


def _splats(folder: Path, request: Request) -> list[str]:
    """COLMAP's layout of one world, and the points once more as the PLY that trainers make of them at first."""
    world, names = request.worlds[0], request.names[0]
    model = _sparse(world, names, request)
    save_binary(folder / "sparse" / "0", model)
    save_splat_ply(folder / "sparse" / "0" / "points3D.ply", model.points.position, model.points.color)
    warnings = _photos(folder, 0, request)
    nothing = "No point is shown, so a training has nothing to begin with; lower the minimum confidence"
    return [*warnings, *_left_out(request), *([] if len(model.points.position) else [nothing])]


def _transforms(folder: Path, request: Request) -> list[str]:
    world = thinned(request.worlds[0], request.min_confidence, request.settings.points_of(request.format))
    z_up, names = turned(world, WORLD_TO_Z_UP), request.names[0]
    points = z_up.point_cloud()
    save_ply(folder / "points.ply", points)
    warnings = _photos(folder, 0, request)
    masks = [f"{MASKS}/{mask_name(name)}" for name in names] if _has_masks(request, 0) else None
    save_transforms(folder / "transforms.json", z_up, [f"{IMAGES}/{name}" for name in names], points, masks)
    return [*warnings, *_left_out(request)]


def _ply(folder: Path, request: Request) -> list[str]:
    """points.ply and, of other worlds, points_2.ply, ..."""
    for number, world in enumerate(request.worlds, 1):
        chosen = thinned(world, request.min_confidence, request.settings.points_of(request.format))
        path = folder / ("points.ply" if number == 1 else f"points_{number}.ply")
        save_ply(path, chosen.point_cloud(), _normals(chosen) if request.settings.normals else None)
    return []


def _exr(folder: Path, request: Request) -> list[str]:
    views = tuple(view for views in request.photos for view in views)
    save_depth_maps(
        folder, replace(request.worlds[0], views=views), [name for names in request.names for name in names]
    )
    return []


WRITERS: dict[str, Callable[[Path, Request], list[str]]] = {
    "colmap-text": _colmap,
    "colmap": _colmap,
    "3dgs": _splats,
    "transforms": _transforms,
    "ply": _ply,
    "exr": _exr,
}


def _sparse(world: Reconstruction, names: list[str], request: Request) -> SparseModel:
    settings = request.settings
    return sparse_model(world, names, request.min_confidence, settings.points_of(request.format), settings.tracks)


def _photos(folder: Path, world: int, request: Request) -> list[str]:
    """A world's photos, upright, and where any of them is masked the masks of all; returns warnings."""
    if not request.settings.photos:
        return []
    views, names = request.photos[world], request.names[world]
    warnings = copy_photos(views, names, folder / IMAGES)
    if _has_masks(request, world):
        save_masks(views, names, folder / MASKS)
    return warnings


def _has_masks(request: Request, world: int) -> bool:
    return request.settings.photos and are_masked(request.photos[world])


def _normals(reconstruction: Reconstruction) -> NDArray[np.float32]:
    """(N, 3), in the order of the points."""
    return np.concatenate([grid_normals(view)[view.kept()] for view in reconstruction.views])


def _left_out(request: Request) -> list[str]:
    """A warning for the photos of other worlds than the first."""
    others = [view.name for world in request.worlds[1:] for view in world.views]
    if not others:
        return []
    return [f"Left out, for they share no world with the others: {', '.join(others)}"]


@contextmanager
def _all_or_nothing(folder: Path, entries: tuple[str, ...]) -> Iterator[Path]:
    """A hidden folder whose content appears in `folder` when the block ends well, and not at all otherwise.

    Raises InputError when one of `entries` is there already, so that files of two exports never mix.
    """
    taken = [name for name in entries if os.path.lexists(folder / name)]
    if taken:
        raise InputError(f"{folder} holds {taken[0]} already; choose another folder, nothing is overwritten")
    check_writable(folder / entries[0])
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        yield Path(scratch)
        try:
            with held_back():
                for made in sorted(Path(scratch).iterdir()):
                    made.rename(folder / made.name)
                    record(folder / made.name)
        except OSError as error:
            raise InputError(f"Cannot write {folder}: {error.strerror}; choose another folder") from error
