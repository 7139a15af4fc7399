"""The verbs `frames` and `keyframes`, and the photos that verbs are given as movies."""

import argparse
from pathlib import Path

from ..core.errors import InputError, first_line
from ..core.images.keyframes import STAGE, FrameChoice, choose_photos
from ..core.images.reader import find_photos
from ..core.images.video import finished_frames, frames_folder_name, is_movie
from ..core.io.atomic import read_text, replacing
from ..core.progress import Report, Timeline
from .blender_needed import require_bpy
from .output import Output, photo_count
from .outputs import TEXT
from .writing import check_written


def frames(arguments: argparse.Namespace, output: Output) -> None:
    """Write frames of a movie; raises InputError for one that Blender cannot read."""
    files = take_frames(arguments.movie, arguments.output, arguments.frames, output)
    output.result(str(arguments.output), f"{len(files)} frames -> {arguments.output}")


def keyframes(arguments: argparse.Namespace, output: Output) -> None:
    """Choose among photos in a row and write the names of the chosen."""
    check_written(arguments, {"output": TEXT})
    photos = find_photos([*arguments.photos, *(_listed(arguments.list) if arguments.list else [])])
    check_written(arguments, {"output": TEXT}, photos)
    chosen = choose_photos(photos, arguments.frames, _report(output))
    with replacing(arguments.output) as file:
        file.write("\n".join(map(str, chosen)).encode())
    output.result(str(arguments.output), f"{len(chosen)} of {photo_count(len(photos))} -> {arguments.output}")


def photos_of(arguments: argparse.Namespace, output: Output) -> list[Path]:
    """The photo files that a verb's arguments name, frames of movies among them; raises InputError."""
    movies = [path for path in arguments.photos if is_movie(path)]
    others = [path for path in arguments.photos if not is_movie(path)]
    photos = find_photos(others) if others or not movies else []
    if arguments.frames:
        photos = choose_photos(photos, arguments.frames, _report(output))
    choice = arguments.frames or FrameChoice()
    for movie in movies:
        photos += take_frames(movie, _folder(arguments) / frames_folder_name(movie, choice), choice, output)
    return photos


def take_frames(movie: Path, folder: Path, choice: FrameChoice, output: Output) -> list[Path]:
    """The frames of a movie as files in a folder, which may hold them already; raises InputError."""
    if (there := finished_frames(folder, movie, choice)) is not None:
        return there.files(folder)
    require_bpy("Taking frames of a movie needs")
    from ..operators.scene.clip_frames import STAGES, extract_frames

    return extract_frames(movie, folder, choice, Timeline(STAGES, output.progress)).files(folder)


def _folder(arguments: argparse.Namespace) -> Path:
    """Frames stay: cameras of a scene show them. Not where the system forgets files."""
    if arguments.frames_folder:
        return arguments.frames_folder
    if arguments.job:
        return arguments.job / "frames"
    written = [getattr(arguments, name, None) for name in ("output", "cameras", "points", "render")]
    first = next(filter(None, written), None)
    if first is None:
        raise InputError("Frames of a movie need a place; name one with --frames-folder")
    return first.with_name(f"{first.stem} frames")


def _listed(path: Path) -> list[Path]:
    try:
        return [Path(line) for line in read_text(path).splitlines() if line]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no list of photos ({first_line(error)}); name a text file") from error


def _report(output: Output) -> Report:
    return Timeline({STAGE: 1}, output.progress)
