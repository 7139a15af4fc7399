"""The arguments from which `reconstruct` and `plan` make a job: photos, model, settings."""

import argparse
from pathlib import Path
from typing import get_args

from ..core.errors import InputError
from ..core.flaws import HIDDEN_AT_FIRST
from ..core.images.keyframes import FORMS, STAGE, FrameChoice, choose_photos
from ..core.images.reader import find_photos
from ..core.images.video import finished_frames, frames_folder_name, is_movie
from ..core.io.atomic import resolved
from ..core.jobs.job import Job
from ..core.progress import Timeline
from ..core.scene_graph.edges import make_edges
from ..core.settings import Ground
from .blender_needed import require_bpy
from .output import Output
from .shared_arguments import (
    DEFAULTS,
    add_alignment,
    add_cameras_from,
    add_frame_choice,
    add_hide,
    add_known,
    add_model,
    add_precision,
    add_scene_graph,
    add_surfaces_from,
    chosen_model,
    confidence,
    read_priors,
    read_settings,
)


def add_job_arguments(parser: argparse.ArgumentParser) -> None:
    """What `read_job` reads, but for --job."""
    add = parser.add_argument
    add("photos", type=Path, nargs="+", metavar="PHOTOS", help="photo files, folders of them, or movies")
    group = parser.add_argument_group("movies and long sequences").add_argument
    which = f"which frames of each movie, and which of the photos: {FORMS} (default: {FrameChoice()} of a movie, "
    add_frame_choice(group, f"{which}all photos)", None)
    where = "where frames of movies are kept (default: in the job's folder, else beside the first file written)"
    group("--frames-folder", type=Path, metavar="FOLDER", help=where)
    add_model(parser)
    add_scene_graph(parser)
    add_precision(add, "of the network's products (default: auto, half where this machine is faster in it)")
    hide = "hide points below, on the network's scale from 1 (default: the least certain quarter, or what photos tell)"
    add("--min-confidence", type=confidence, default=DEFAULTS.min_confidence, metavar="C", help=hide)
    add_hide(parser, DEFAULTS.hide, ",".join(HIDDEN_AT_FIRST))
    add_known(parser)
    masks = "images named as the photos, black where they are to be left out (docs/photos.md)"
    add("--masks", type=Path, metavar="FOLDER", help=masks)
    add_cameras_from(parser)
    add_surfaces_from(parser)
    ground = "bring the floor down, unless poses are known, or leave the world that the cameras make (docs/results.md)"
    add("--ground", choices=get_args(Ground), default=DEFAULTS.ground, help=ground)
    add_alignment(parser)


def read_job(arguments: argparse.Namespace, output: Output) -> Job:
    """The job that the arguments stand for; raises ReconstructionError for what cannot be used."""
    settings = read_settings(arguments)
    model = chosen_model(arguments)
    photos = _photos(arguments, output)
    make_edges(len(photos), settings.scene_graph)  # refuse an impossible graph before the model is loaded
    return Job(tuple(resolved(path) for path in photos), model, settings, priors=read_priors(arguments, photos))


def take_frames(movie: Path, folder: Path, choice: FrameChoice, output: Output) -> list[Path]:
    """The frames of a movie as files in a folder, which may hold them already; raises InputError."""
    if (there := finished_frames(folder, movie, choice)) is not None:
        return there.files(folder)
    require_bpy("Taking frames of a movie needs")
    from ..operators.scene.clip_frames import STAGES, extract_frames

    return extract_frames(movie, folder, choice, Timeline(STAGES, output.progress)).files(folder)


def _photos(arguments: argparse.Namespace, output: Output) -> list[Path]:
    """The photo files that the arguments name, frames of movies among them; raises InputError."""
    movies = [path for path in arguments.photos if is_movie(path)]
    others = [path for path in arguments.photos if not is_movie(path)]
    photos = find_photos(others) if others or not movies else []
    if arguments.frames:
        photos = choose_photos(photos, arguments.frames, Timeline({STAGE: 1}, output.progress))
    choice = arguments.frames or FrameChoice()
    for movie in movies:
        photos += take_frames(movie, _frames_folder(arguments) / frames_folder_name(movie, choice), choice, output)
    return photos


def _frames_folder(arguments: argparse.Namespace) -> Path:
    """Where frames are kept for good, since the cameras of a scene show them: no temporary folder."""
    if arguments.frames_folder:
        return arguments.frames_folder
    if arguments.job:
        return arguments.job / "frames"
    written = [getattr(arguments, name, None) for name in ("output", "cameras", "points", "render")]
    first = next(filter(None, written), None)
    if first is None:
        raise InputError("Frames of a movie need a place; name one with --frames-folder")
    return first.with_name(f"{first.stem} frames")
