"""Arguments of the verb `camera-path`."""

import argparse
from pathlib import Path

from ..core.cameras.camera_path import FRAMES_PER_PHOTO, SMOOTHING
from .parser import add_overwrite

CAMERA_PATH = "a smooth way through a reconstruction's cameras, as a scene or as cameras (docs/camera_path.md)"


def add_camera_path(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="a finished job, or its result")
    output = "a scene with the camera (needs bpy), or where it is on every frame"
    add("--output", type=Path, required=True, metavar="SHOT.blend|PATH.json", help=output)
    add_overwrite(add)
    pace = parser.add_mutually_exclusive_group().add_argument
    pace(
        "--frames-per-photo", type=int, default=FRAMES_PER_PHOTO, metavar="N", help="frames from each photo to the next"
    )
    pace("--frames", type=int, metavar="N", help="of the whole way; less between photos that are near each other")
    footage = "on the frames of the movie that the photos were taken from, over the movie, at its rate"
    pace("--footage", action="store_true", help=footage)
    smooth = "over how many photos before and after each the way is averaged; 0: exactly through each "
    smooth += f"(default: {SMOOTHING:g}, with --footage 0)"
    add("--smoothing", type=float, metavar="PHOTOS", help=smooth)
    add("--loop", action="store_true", help="back to the first photo at the end")
