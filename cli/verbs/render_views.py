"""`render-views`: training views of a .blend. Needs Blender."""

import argparse
import re
from pathlib import Path

from ...core.cameras.posed_images import CAMERAS, read_posed_photos
from ...core.io.atomic import check_writable
from ...core.progress import Timeline
from ...training.view_settings import ViewSettings
from ..output import Output

HELP = "a .blend to posed views with exact depth, to learn from (needs bpy)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add, views = parser.add_argument, ViewSettings()
    width, height = views.size
    add("scene", type=Path, metavar="SCENE.blend", help="the scene to be rendered")
    add("--output", type=Path, required=True, metavar="FOLDER", help="images/, depth/, cameras.json; new or empty")
    add("--views", type=int, default=views.views, metavar="N", help="how many")
    size = f"pixels of a view (default: {width}x{height})"
    add("--size", type=_size, default=views.size, metavar="WxH", help=size)
    add("--samples", type=int, default=views.samples, metavar="N", help="of Cycles per pixel, denoised afterwards")
    add("--seed", type=int, default=views.seed, metavar="N", help="of the cameras")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[xX](\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write width x height as in 320x240")
    return int(match[1]), int(match[2])


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Open the scene and render it; raises InputError for a file that cannot be opened, before the work."""
    from ...operators.scene.training_views import STAGE, render_training_views
    from ..blender import open_scene

    settings = ViewSettings(arguments.views, arguments.size, arguments.samples, arguments.seed)
    check_writable(arguments.output / CAMERAS)
    scene = open_scene(arguments.scene)
    report = Timeline({STAGE: 1}, output.progress)
    for warning in render_training_views(scene, arguments.output, settings, report):
        output.warning(warning)
    count = len(read_posed_photos(arguments.output))
    output.result(str(arguments.output), f"{count} views of {arguments.scene.name} -> {arguments.output}")
