"""A .blend as a map for photos, and with the cameras of those photos in it. Needs Blender."""

import argparse
from pathlib import Path

import bpy

from ..core.cameras.posed_images import read_posed_photos
from ..core.localization.reference_settings import RENDERING, MapSettings
from ..core.progress import Report, Timeline
from ..core.reconstruction.result import Reconstruction
from ..operators.scene.localized import add_matched
from ..operators.scene.map_views import render_map
from ..operators.scene.quiet import blender_silenced
from .blender import open_scene, save_scene
from .output import Output
from .pair_arguments import read_map_settings


def render_map_verb(arguments: argparse.Namespace, output: Output) -> None:
    """Render what `localize` places photos in; raises InputError for a file that cannot be opened."""
    report = Timeline({RENDERING: 1}, output.progress)
    for warning in map_scene(arguments.scene, arguments.output, read_map_settings(arguments), report):
        output.warning(warning)
    count = len(read_posed_photos(arguments.output))
    output.result(str(arguments.output), f"{count} views of {arguments.scene.name} -> {arguments.output}")


def map_scene(path: Path, folder: Path, settings: MapSettings, report: Report) -> list[str]:
    """Open a .blend and render its views into a folder (`render_map`). Returns warnings."""
    return render_map(open_scene(path), folder, settings, report)


def save_matched(placed: Reconstruction, path: Path) -> list[str]:
    """Write the scene that is open, with the photos' cameras in it. Returns warnings."""
    with blender_silenced():
        _, warnings = add_matched(bpy.context.scene, placed)
        save_scene(path)
    return warnings
