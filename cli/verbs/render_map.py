"""`render-map`: a .blend as posed views with depth, for `localize` to place photos in. Needs Blender."""

import argparse
from pathlib import Path

from ...core.cameras.posed_images import read_posed_photos
from ...core.localization.reference_settings import RENDERING
from ...core.progress import Timeline
from ..output import Output
from ..shared_arguments import add_map, read_map_settings

HELP = "a .blend to views with exact depth, for localize to place photos in (needs bpy)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scene", type=Path, metavar="SCENE.blend", help="the scene to be seen")
    output = "images/, depth/, cameras.json; new or empty"
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help=output)
    add_map(parser)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Render the views; raises InputError for a file that cannot be opened."""
    from ..blender import map_scene

    report = Timeline({RENDERING: 1}, output.progress)
    for warning in map_scene(arguments.scene, arguments.output, read_map_settings(arguments), report):
        output.warning(warning)
    count = len(read_posed_photos(arguments.output))
    output.result(str(arguments.output), f"{count} views of {arguments.scene.name} -> {arguments.output}")
