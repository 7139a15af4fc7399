"""`localize`: cameras of new photos in a finished reconstruction or a scene, as lines of JSON and as files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ...core.errors import InputError
from ...core.images.reader import find_photos
from ...core.io.atomic import temporary_folder, together
from ...core.jobs.job import find_result
from ...core.localization.reference_settings import RENDERING
from ...core.progress import Report, Timeline
from ...core.reconstruction.result import Reconstruction
from ...core.settings import LocalizationSettings, Way
from ..blender_needed import require_bpy
from ..output import Output
from ..outputs import CAMERAS, RESULT, RESULT_ARRAYS, SCENE, check_written
from ..shared_arguments import (
    add_cache,
    add_map,
    add_model,
    add_overwrite,
    add_seed,
    focal,
    load_chosen_model,
    read_map_settings,
)

if TYPE_CHECKING:
    from ...core.checkpoints.loading import LoadedModel
    from ...core.inference.array_store import ArrayStore
    from ...core.localization.localize import Localized

HELP = "cameras of new photos in a reconstruction or a .blend that stay as they are (docs/localization.md)"
BLEND = ".blend"
FILES = {"cameras.json": CAMERAS, "reconstruction.json": RESULT, "arrays.npz": RESULT_ARRAYS}  # of --output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add, defaults = parser.add_argument, LocalizationSettings()
    where = "a finished job, its result, photos with cameras and depth (see render-map), or a .blend (needs bpy)"
    add("folder", type=Path, metavar="WORLD", help=where)
    add("photos", type=Path, nargs="+", metavar="PHOTO", help="the photos to be placed, each by itself")
    add("--output", type=Path, metavar="FOLDER", help="write cameras (cameras.json), depth and confidence")
    add("--scene", type=Path, metavar="OUT.blend", help="write the .blend with the photos' cameras in it")
    add_overwrite(add)
    way = "PnP over all matches, or the relative pose to one photo scaled by its depth"
    add("--way", choices=get_args(Way), default=defaults.way, help=way)
    add("--neighbours", type=int, default=defaults.neighbours, metavar="N", help="photos it is compared with")
    add("--focal", type=focal, metavar="F", help="of the photo, if known, in its pixels (default: as seen)")
    add("--min-inliers", type=int, default=defaults.min_inliers, metavar="N", help="fewer than these: refuse")
    share = "less of the matches: refuse"
    add("--min-inlier-share", type=float, default=defaults.min_inlier_share, metavar="S", help=share)
    add_seed(add, defaults.seed)
    add_cache(parser)
    add_map(parser)
    add_model(parser)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Localize the photos, raising InputError when none can be; what they are placed in stays as it is."""
    _check_places(arguments)
    photos = find_photos(arguments.photos)
    from ...core.inference.forward import STAGES
    from ...core.jobs.run import LOADING

    rendering = {RENDERING: 5.0} if arguments.folder.suffix == BLEND else {}
    report = Timeline({**rendering, LOADING: 5.0, **STAGES}, output.progress)
    with temporary_folder() as scratch:
        folder = _map_of_scene(arguments, scratch, report, output) or arguments.folder
        found, placed = _place(photos, folder, arguments, report, output)
    with together():
        if arguments.output:
            placed.save(arguments.output)
            placed.save_cameras(arguments.output / "cameras.json")
        if arguments.scene:
            _save_scene(placed, arguments.scene, output)
    output.result(str(arguments.scene or arguments.output or ""), "\n".join(_lines(found, placed)))


def _check_places(arguments: argparse.Namespace) -> None:
    """Raises InputError for outputs that cannot be written, before the work."""
    if arguments.scene and arguments.folder.suffix != BLEND:
        raise InputError(f"--scene adds cameras to a scene, and {arguments.folder} is no {BLEND} file; leave it out")
    if arguments.folder.suffix == BLEND:
        require_bpy("Placing photos in a scene needs")
    if arguments.output and arguments.output.exists() and arguments.output.samefile(arguments.folder):
        raise InputError(f"{arguments.output} is what the photos are placed in; choose another folder")
    files = [(arguments.output / name, kind) for name, kind in FILES.items()] if arguments.output else []
    check_written(arguments, {"scene": SCENE}, files=files)


def _map_of_scene(arguments: argparse.Namespace, scratch: Path, report: Report, output: Output) -> Path | None:
    """The folder that the views of a .blend were rendered to; None where no scene was given."""
    if arguments.folder.suffix != BLEND:
        return None
    from ..blender import map_scene

    for warning in map_scene(arguments.folder, scratch / "map", read_map_settings(arguments), report):
        output.warning(warning)
    return scratch / "map"


def _place(
    photos: Sequence[Path], folder: Path, arguments: argparse.Namespace, report: Report, output: Output
) -> tuple[list[Localized], Reconstruction]:
    """The photos that have a camera, and the same as a reconstruction."""
    from ...core.localization.localize import as_reconstruction, localize_all
    from ...core.localization.reference_views import is_map, read_map

    values: dict[str, Any] = {field.name: getattr(arguments, field.name) for field in fields(LocalizationSettings)}
    settings = LocalizationSettings(**values)
    finished = None if is_map(folder) else find_result(folder)
    with _loaded(arguments, report) as (model, store):
        world = finished or read_map(folder, model)
        found, refused = localize_all(photos, world, model, settings, store, report)
    for sentence in refused:
        output.warning(sentence)
    return found, as_reconstruction(found, world, settings)


def _save_scene(placed: Reconstruction, path: Path, output: Output) -> None:
    from ..blender import save_matched

    for warning in save_matched(placed, path):
        output.warning(warning)


def _lines(found: Sequence[Localized], placed: Reconstruction) -> Iterator[str]:
    """One of JSON for each photo that has a camera."""
    cameras = placed.cameras()["photos"]
    for one in found:
        figures = asdict(one.figures)
        yield json.dumps({"photo": figures.pop("name"), **cameras[one.view.name], **figures})


@contextmanager
def _loaded(arguments: argparse.Namespace, report: Report) -> Iterator[tuple[LoadedModel, ArrayStore | None]]:
    """The model named; else the job's, with its cached predictions; else the best present."""
    from ...core.jobs.run import LOADING, loaded

    if arguments.model is None and (arguments.folder / "job.json").is_file():
        with loaded(arguments.folder, arguments.device, report, arguments.cache) as (model, store):
            yield model, store
        return
    report(LOADING, 0, 1)
    yield load_chosen_model(arguments), None
