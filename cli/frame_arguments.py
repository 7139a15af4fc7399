"""Arguments that say which frames of movies and of long sequences are reconstructed (docs/photos.md)."""

import argparse
from pathlib import Path

from ..core.errors import InputError
from ..core.images.keyframes import FORMS, FrameChoice
from .parser import add_overwrite

FRAMES = "frames of a movie as photos (needs bpy; docs/photos.md)"
KEYFRAMES = "the photos of a long sequence that are worth keeping (docs/photos.md)"


def add_frame_choice(parser: argparse.ArgumentParser) -> None:
    """For verbs that take photos."""
    group = parser.add_argument_group("movies and long sequences")
    which = f"which frames of each movie, and which of the photos: {FORMS} (default: {FrameChoice()} of a movie, "
    group.add_argument("--frames", type=_choice, metavar="CHOICE", help=f"{which}all photos)")
    where = "where frames of movies are kept (default: in the job's folder, else beside the first file written)"
    group.add_argument("--frames-folder", type=Path, metavar="FOLDER", help=where)


def add_frames(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("movie", type=Path, metavar="MOVIE", help="a file that Blender reads, such as .mp4 or .mov")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the frames are written")
    parser.add_argument("--frames", type=_choice, default=FrameChoice(), metavar="CHOICE", help=FORMS)


def add_keyframes(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photos", type=Path, nargs="*", metavar="PHOTOS", help="photo files in their order, or folders of them")
    add("--list", type=Path, metavar="FILE", help="a text file that names them, one a line")
    add("--output", type=Path, required=True, metavar="FILE", help="write the names of the chosen, one a line")
    add_overwrite(add)
    add("--frames", type=_choice, default=FrameChoice(), metavar="CHOICE", help=FORMS)


def _choice(text: str) -> FrameChoice:
    try:
        return FrameChoice.parse(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
