"""The verb `localize`: cameras of new photos in a finished reconstruction or a scene, as lines of JSON and as files."""

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..core.checkpoints.loading import LoadedModel, load_model
from ..core.checkpoints.local import default_model_folder, find_model
from ..core.errors import InputError
from ..core.images.reader import find_photos
from ..core.inference import forward as inference
from ..core.inference.array_store import ArrayStore
from ..core.io.atomic import temporary_folder, together
from ..core.jobs.job import find_result
from ..core.jobs.run import LOADING, loaded
from ..core.localization.localize import Localized, as_reconstruction, localize_all
from ..core.localization.reference_settings import RENDERING
from ..core.localization.reference_views import is_map, read_map
from ..core.progress import Report, Timeline
from ..core.reconstruction.result import Reconstruction
from ..core.runtime.device import pick_device
from .blender_needed import require_bpy
from .output import Output
from .outputs import CAMERAS, RESULT, RESULT_ARRAYS, SCENE
from .pair_arguments import read_localization, read_map_settings
from .writing import check_written

BLEND = ".blend"
FILES = {"cameras.json": CAMERAS, "reconstruction.json": RESULT, "arrays.npz": RESULT_ARRAYS}  # of --output


def localize(arguments: argparse.Namespace, output: Output) -> None:
    """Place the photos, or refuse with an InputError when none can be; what they are placed in stays as it is."""
    _check_places(arguments)
    photos = find_photos(arguments.photos)
    rendering = {RENDERING: 5.0} if arguments.folder.suffix == BLEND else {}
    report = Timeline({**rendering, LOADING: 5.0, **inference.STAGES}, output.progress)
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
    """Where the views of a .blend were rendered to; None where no scene was given."""
    if arguments.folder.suffix != BLEND:
        return None
    from .scene_map import map_scene  # needs Blender

    for warning in map_scene(arguments.folder, scratch / "map", read_map_settings(arguments), report):
        output.warning(warning)
    return scratch / "map"


def _place(
    photos: Sequence[Path], folder: Path, arguments: argparse.Namespace, report: Report, output: Output
) -> tuple[list[Localized], Reconstruction]:
    """What was found, and the same as a reconstruction."""
    settings = read_localization(arguments)
    finished = None if is_map(folder) else find_result(folder)
    with _loaded(arguments, report) as (model, store):
        world = finished or read_map(folder, model)
        found, refused = localize_all(photos, world, model, settings, store, report)
    for sentence in refused:
        output.warning(sentence)
    return found, as_reconstruction(found, world, settings)


def _save_scene(placed: Reconstruction, path: Path, output: Output) -> None:
    from .scene_map import save_matched  # needs Blender

    for warning in save_matched(placed, path):
        output.warning(warning)


def _lines(found: Sequence[Localized], placed: Reconstruction) -> Iterator[str]:
    """One of JSON for each photo that has a camera."""
    cameras = placed.cameras()["photos"]
    for one in found:
        yield json.dumps({"photo": one.view.name, **cameras[one.view.name], **one.figures()})


@contextmanager
def _loaded(arguments: argparse.Namespace, report: Report) -> Iterator[tuple[LoadedModel, ArrayStore | None]]:
    """The model named; else the job's, with what it has said before; else the best present."""
    if arguments.model is None and (arguments.folder / "job.json").is_file():
        with loaded(arguments.folder, arguments.device, report, arguments.cache) as (model, store):
            yield model, store
        return
    path = find_model(arguments.model, arguments.models_folder or default_model_folder())
    report(LOADING, 0, 1)
    yield load_model(path, pick_device(arguments.device)), None
