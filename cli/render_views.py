"""The verb `render-views`: a .blend to training views. Needs Blender."""

import argparse

from ..core.cameras.posed_images import CAMERAS, read_posed_photos
from ..core.io.atomic import check_writable
from ..core.progress import Timeline
from ..operators.scene.training_views import STAGE, render_training_views
from ..training.view_settings import ViewSettings
from .blender import open_scene
from .output import Output


def render_views(arguments: argparse.Namespace, output: Output) -> None:
    """Open the scene and render it; raises InputError for a file that cannot be opened, before the work."""
    settings = ViewSettings(arguments.views, arguments.size, arguments.samples, arguments.seed)
    check_writable(arguments.output / CAMERAS)
    scene = open_scene(arguments.scene)
    report = Timeline({STAGE: 1}, output.progress)
    for warning in render_training_views(scene, arguments.output, settings, report):
        output.warning(warning)
    count = len(read_posed_photos(arguments.output))
    output.result(str(arguments.output), f"{count} views of {arguments.scene.name} -> {arguments.output}")
