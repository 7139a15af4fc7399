"""The files that `reconstruct` and `import` write of a result."""

import argparse
from collections.abc import Callable
from pathlib import Path

from ..core.errors import InputError
from ..core.export.ply import save_ply
from ..core.io.atomic import together
from ..core.reconstruction.result import Reconstruction
from .blender_needed import require_bpy
from .outputs import CAMERAS, PICTURE, POINTS, SCENE, check_written
from .shared_arguments import add_overwrite, number

OUTPUTS = {"cameras": CAMERAS, "points": POINTS, "output": SCENE, "render": PICTURE}


def add_outputs(parser: argparse.ArgumentParser) -> Callable[..., object]:
    """Add the arguments that name them, in a group; returns the group's add_argument."""
    add = parser.add_argument_group("what is written").add_argument
    add("--output", type=Path, metavar="SCENE.blend", help="write a Blender scene (needs bpy)")
    add("--cameras", type=Path, metavar="CAMERAS.json", help="write the cameras")
    add("--points", type=Path, metavar="POINTS.ply", help="write the coloured points")
    add("--render", type=Path, metavar="OUT.png", help="render the points between two solved cameras (needs bpy)")
    display = "share of the points that the scene's viewports show (default: all, at most two million)"
    percentage = number(float, lambda value: 0 <= value <= 100, "percentage; give 0 to 100")
    add("--display-percentage", type=percentage, metavar="P", help=display)
    add_overwrite(add)
    return add


def check_outputs(arguments: argparse.Namespace, job: Path | None = None) -> None:
    """Raise InputError for outputs that cannot be written, and where there is neither an output nor a `job`."""
    if not any((*(getattr(arguments, name) for name in OUTPUTS), job)):
        names = "--output, --cameras, --points, --render" + (" or --job" if "job" in arguments else "")
        raise InputError(f"Nothing would be written; name {names}")
    if arguments.output or arguments.render:
        require_bpy("--output and --render need")
    if arguments.output and arguments.output.suffix != ".blend":
        raise InputError(f"--output writes a Blender scene, so {arguments.output} must end in .blend")
    check_written(arguments, OUTPUTS)


def check_points(result: Reconstruction, arguments: argparse.Namespace) -> None:
    """Raise InputError where every point is hidden of a cloud, a scene or a picture that would be written."""
    if any((arguments.points, arguments.output, arguments.render)):
        result.check_shown()


def write_outputs(result: Reconstruction, arguments: argparse.Namespace) -> list[str]:
    """Write what was asked for, all or nothing; returns its paths. Raises InputError for what cannot be written."""
    made: list[str] = []
    with together():
        if arguments.cameras:
            result.save_cameras(arguments.cameras)
            made.append(str(arguments.cameras))
        if arguments.points:
            save_ply(arguments.points, result.visible_points())
            made.append(str(arguments.points))
        if arguments.output or arguments.render:
            from .blender import write_scene

            made += write_scene(result, arguments.output, arguments.render, arguments.display_percentage)
    return made
