"""`camera-path`: a smooth path through a finished reconstruction's cameras."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ...core.cameras.camera_path import (
    FRAMES_PER_PHOTO,
    SMOOTHING,
    CameraPath,
    along,
    closed,
    even_times,
    path_through,
    smoothed,
)
from ...core.errors import InputError
from ...core.images.video import Clip, frames_of_one_movie
from ...core.io.atomic import write_json
from ...core.jobs.job import find_result
from ...core.reconstruction.result import AlignedView
from ...core.world.ground_plane import main_views
from ..blender_needed import require_bpy
from ..output import Output
from ..outputs import CAMERAS, SCENE, check_written
from ..shared_arguments import add_overwrite, add_result

HELP = "a smooth way through a reconstruction's cameras, as a scene or as cameras (docs/results.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_result(parser)
    output = "a scene with the camera (needs bpy), or where it is on every frame"
    add("--output", type=Path, required=True, metavar="SHOT.blend|PATH.json", help=output)
    add_overwrite(add)
    pace = parser.add_mutually_exclusive_group().add_argument
    between = "frames from each photo to the next"
    pace("--frames-per-photo", type=int, default=FRAMES_PER_PHOTO, metavar="N", help=between)
    pace("--frames", type=int, metavar="N", help="of the whole way; less between photos that are near each other")
    footage = "on the frames of the movie that the photos were taken from, over the movie, at its rate"
    pace("--footage", action="store_true", help=footage)
    smooth = "over how many photos before and after each the way is averaged; 0: exactly through each "
    smooth += f"(default: {SMOOTHING:g}, with --footage 0)"
    add("--smoothing", type=float, metavar="PHOTOS", help=smooth)
    add("--loop", action="store_true", help="back to the first photo at the end")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write the path through the photos of a job's result, or a result's folder; raises InputError."""
    _check(arguments)
    result = find_result(arguments.folder)
    _check(arguments, (view.path for view in result.views))
    views, clip = list(main_views(result)), None
    if arguments.footage:
        clip, views, numbers = _footage(views)
        path = _path(views, numbers, arguments)
        frames = np.arange(1.0, clip.frames + 1)
    else:
        path = _path(views, _times(views, arguments), arguments)
        frames = np.arange(1, np.floor(path.times[-1] + 1e-6) + 1)
    sampled = along(path, frames, arguments.loop)
    if arguments.output.suffix == ".json":
        _save(arguments.output, sampled, views[0])
    else:
        from ..blender import write_shot

        write_shot(result, sampled, views[0].name, clip, arguments.output)
    output.result(str(arguments.output), f"{len(frames)} frames through {len(views)} photos -> {arguments.output}")


def _check(arguments: argparse.Namespace, also: Iterable[Path] = ()) -> None:
    if arguments.output.suffix not in (".json", ".blend"):
        raise InputError(f"{arguments.output} is neither a scene nor cameras; end it in .blend or .json")
    if arguments.output.suffix == ".blend":
        require_bpy("A .blend needs")
    if arguments.loop and arguments.footage:
        raise InputError("A movie does not go back to its start; leave out --loop or --footage")
    check_written(arguments, {"output": CAMERAS if arguments.output.suffix == ".json" else SCENE}, also)


def _footage(views: Sequence[AlignedView]) -> tuple[Clip, list[AlignedView], np.ndarray]:
    clip, chosen, numbers = frames_of_one_movie([view.path for view in views])
    return clip, [views[index] for index in chosen], numbers


def _times(views: Sequence[AlignedView], arguments: argparse.Namespace) -> np.ndarray:
    """The frame (N,) of each photo, from 1; a loop returns to the first photo in one step more."""
    legs = len(views) - 1
    if arguments.frames is None:
        return 1 + arguments.frames_per_photo * np.arange(len(views), dtype=np.float64)
    last = 1 + (arguments.frames - 1) * (legs / (legs + 1) if arguments.loop else 1)
    return even_times(np.stack([view.cam2world for view in views]), 1, last)


def _path(views: Sequence[AlignedView], times: np.ndarray, arguments: argparse.Namespace) -> CameraPath:
    poses, K = np.stack([view.cam2world for view in views]), np.stack([view.K for view in views])
    path = path_through(poses, K, np.array([view.mapping.photo_size for view in views]), times)
    usual = 0.0 if arguments.footage else SMOOTHING
    smoothing = usual if arguments.smoothing is None else arguments.smoothing
    path = smoothed(path, smoothing * float(np.diff(path.times).mean()))
    return closed(path) if arguments.loop else path


def _save(file: Path, path: CameraPath, like: AlignedView) -> None:
    """As a cameras.json (docs/conventions.md) whose photos are frames of the first photo's size."""
    size = like.mapping.photo_size
    frames = zip(path.times, path.cam2world, path.K(size), strict=True)
    photos = {
        f"frame_{int(time):06d}": {"width": size[0], "height": size[1], "K": K.tolist(), "cam2world": pose.tolist()}
        for time, pose, K in frames
    }
    write_json(file, {"photos": photos})
