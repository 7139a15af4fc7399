"""`frames`: frames of a movie as photos."""

import argparse
from pathlib import Path

from ...core.images.keyframes import FORMS, FrameChoice
from ..job_arguments import take_frames
from ..output import Output
from ..shared_arguments import add_frame_choice

HELP = "frames of a movie as photos (needs bpy; docs/photos.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("movie", type=Path, metavar="MOVIE", help="a file that Blender reads, such as .mp4 or .mov")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the frames are written")
    add_frame_choice(parser.add_argument, FORMS, FrameChoice())


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write frames of a movie; raises InputError for one that Blender cannot read."""
    files = take_frames(arguments.movie, arguments.output, arguments.frames, output)
    output.result(str(arguments.output), f"{len(files)} frames -> {arguments.output}")
