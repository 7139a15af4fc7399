"""The verbs `reconstruct` and `work`: photos, or a job folder, to a finished reconstruction."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.checkpoints.local import default_model_folder, find_model
from ..core.errors import InputError
from ..core.export.ply import save_ply
from ..core.io.atomic import resolved, temporary_folder, together
from ..core.jobs.job import Job, result_folder
from ..core.jobs.run import run_job
from ..core.reconstruction.result import Reconstruction
from ..core.scene_graph.edges import make_edges
from .blender_needed import require_bpy
from .frames import photos_of
from .known_arguments import read_priors
from .output import Output, photo_count, with_caveats
from .outputs import CAMERAS, PICTURE, POINTS, SCENE
from .settings import DEFAULTS, read_settings
from .writing import check_written

BLENDER_OUTPUTS = ("output", "render")
OUTPUTS = {"cameras": CAMERAS, "points": POINTS, "output": SCENE, "render": PICTURE}


def reconstruct(arguments: argparse.Namespace, output: Output) -> None:
    """Run a job and write what was asked for; raises ReconstructionError before the work where that is possible."""
    check_outputs(arguments, also=arguments.job)
    job = read_job(arguments, output)
    check_written(arguments, OUTPUTS, (*job.photos, *job.priors.masks.values()))
    with _job_folder(arguments.job) as folder:
        job.save(folder)
        output.say(f"{photo_count(len(job.photos))}, model {job.model.name}")
        result = run_job(folder, output.progress)
        for warning in result.warnings:
            output.warning(warning)
        _check_points(result, arguments, output)
        made = write_outputs(result, arguments)
    made = made or ([str(arguments.job)] if arguments.job else [])
    points = len(result.visible_points().position)
    said = f"{photo_count(len(result.views))}, {points} points -> {', '.join(made)}"
    output.result(str(made[0]) if made else "", with_caveats(said, result))


def work(arguments: argparse.Namespace, output: Output) -> None:
    """Run the job that lies in a folder and say where its result is."""
    result = run_job(arguments.folder, output.progress, output.watch(arguments.folder), arguments.cache)
    for warning in result.warnings:
        output.warning(warning)
    folder = result_folder(arguments.folder)
    output.result(str(folder), with_caveats(f"{photo_count(len(result.views))} -> {folder}", result))


def read_job(arguments: argparse.Namespace, output: Output) -> Job:
    """The job that the arguments spell; raises ReconstructionError for what cannot be used."""
    settings = read_settings(arguments)
    model = find_model(arguments.model, arguments.models_folder or default_model_folder())
    photos = photos_of(arguments, output)
    make_edges(len(photos), settings.scene_graph)  # an impossible graph is worth knowing before the model is loaded
    return Job(tuple(resolved(path) for path in photos), model, settings, priors=read_priors(arguments, photos))


def check_outputs(arguments: argparse.Namespace, also: Path | None = None) -> None:
    """Raise InputError now for outputs that cannot be written, or without any, `also` included."""
    if not any((*(getattr(arguments, name) for name in OUTPUTS), also)):
        names = "--output, --cameras, --points, --render" + (" or --job" if "job" in arguments else "")
        raise InputError(f"Nothing would be written; name {names}")
    if any(getattr(arguments, name) for name in BLENDER_OUTPUTS):
        require_bpy("--output and --render need")
    if arguments.output and arguments.output.suffix != ".blend":
        raise InputError(f"--output writes a Blender scene, so {arguments.output} must end in .blend")
    check_written(arguments, OUTPUTS)


def _check_points(result: Reconstruction, arguments: argparse.Namespace, output: Output) -> None:
    """Raise InputError where what the user hides is every point of what would be written; else only say it."""
    try:
        check_points(result, arguments)
    except InputError as error:
        if arguments.min_confidence is not None or arguments.hide != DEFAULTS.hide:
            raise
        output.warning(str(error))


def check_points(result: Reconstruction, arguments: argparse.Namespace) -> None:
    """Raise InputError where every point is hidden of a cloud, a scene or a picture that would be written."""
    if any((arguments.points, arguments.output, arguments.render)):
        result.check_shown()


@contextmanager
def _job_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with temporary_folder() as folder:
        yield folder


def write_outputs(result: Reconstruction, arguments: argparse.Namespace) -> list[str]:
    """Write what was asked for, all or nothing; returns its paths. Raises InputError for what cannot be written."""
    made: list[str] = []
    with together():
        if arguments.cameras:
            result.save_cameras(arguments.cameras)
            made.append(str(arguments.cameras))
        if arguments.points:
            save_ply(arguments.points, result.visible_points())
            made.append(str(arguments.points))
        if arguments.output or arguments.render:
            from .blender import write_scene

            made += write_scene(result, arguments.output, arguments.render, arguments.display_percentage)
    return made
