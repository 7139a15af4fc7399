"""The verb `localize`: the camera of a new photo in a finished reconstruction, as one line of JSON and as files."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager

from ..core import inference
from ..core.checkpoints import default_model_folder, find_model
from ..core.device import pick_device
from ..core.errors import InputError
from ..core.files import check_writable
from ..core.job import find_result
from ..core.localization import as_reconstruction
from ..core.localization import localize as place
from ..core.model.weights import LoadedModel, load_model
from ..core.progress import Report, Timeline
from ..core.shelf import Shelf
from ..core.worker import LOADING, loaded
from .output import Output
from .pair_arguments import read_localization


def localize(arguments: argparse.Namespace, output: Output) -> None:
    """Place the photo, or refuse with an InputError; the reconstruction stays as it is."""
    settings = read_localization(arguments)
    if not arguments.photo.is_file():
        raise InputError(f"{arguments.photo} does not exist; check the path")
    if arguments.output:
        check_writable(arguments.output / "cameras.json")
    world = find_result(arguments.folder)
    report = Timeline({LOADING: 5.0, **inference.STAGES}, output.progress)
    with _loaded(arguments, report) as (model, shelf):
        found = place(arguments.photo, world, model, settings, shelf, report)
    placed = as_reconstruction(found, world, settings)
    if arguments.output:
        placed.save(arguments.output)
        placed.save_cameras(arguments.output / "cameras.json")
    camera = {"photo": found.view.name, **placed.cameras()["photos"][found.view.name], **found.figures()}
    output.result(str(arguments.output or ""), json.dumps(camera))


@contextmanager
def _loaded(arguments: argparse.Namespace, report: Report) -> Iterator[tuple[LoadedModel, Shelf | None]]:
    """The model named; else the job's, with what it has said before; else the best present."""
    if arguments.model is None and (arguments.folder / "job.json").is_file():
        with loaded(arguments.folder, arguments.device, report) as (model, shelf):
            yield model, shelf
        return
    path = find_model(arguments.model, arguments.models_folder or default_model_folder())
    yield load_model(path, pick_device(arguments.device)), None
