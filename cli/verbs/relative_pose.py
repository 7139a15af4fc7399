"""`relative-pose`: the camera of a second photo in the frame of the first one's."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ...core.errors import InputError
from ...core.geometry.method import Method
from ...core.io.atomic import write_json
from ...core.settings import LocalizationSettings
from ..output import Output
from ..outputs import POSE, check_written
from ..shared_arguments import add_model, add_overwrite, add_seed, focal
from .match import load_pair

if TYPE_CHECKING:
    from ...core.geometry.relative_pose import Camera, RelativePose

HELP = "where the camera of a second photo stood, seen from the first's (docs/localization.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photo_a", type=Path, metavar="A", help="the photo in whose camera frame the answer is")
    add("photo_b", type=Path, metavar="B", help="the other photo")
    add("--method", choices=get_args(Method), help="how it is found (default: all three ways)")
    add("--output", type=Path, metavar="POSE.json", help="write the answer")
    add_overwrite(add)
    add("--focals", type=focal, nargs=2, metavar=("A", "B"), help="known focals, photo pixels (default: as seen)")
    add_seed(add, LocalizationSettings().seed)
    add_model(parser)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Find camera b in camera a's frame by every method asked for; raises InputError where none finds it."""
    from ...core.geometry.relative_pose import relative_pose

    check_written(arguments, {"output": POSE})
    pair = load_pair((arguments.photo_a, arguments.photo_b), arguments, output)
    focal_a, focal_b = arguments.focals or (None, None)
    views = pair.two_views(pair.matches(), (focal_a, focal_b))
    methods: Sequence[Method] = [arguments.method] if arguments.method else get_args(Method)
    poses = {method: relative_pose(views, method, arguments.seed) for method in methods}
    if not any(poses.values()):
        names = " and ".join(view.name for view in pair.views)
        raise InputError(f"Nothing that {names} show agrees on a pose; give photos that show the same place")
    found = {
        "photos": [view.name for view in pair.views],
        "K": [_K(views.camera_a), _K(views.camera_b)],
        "matches": len(views.matched_a),
        "poses": {method: pose and _entry(pose) for method, pose in poses.items()},
    }
    if arguments.output:
        write_json(arguments.output, found)
    output.result(str(arguments.output or ""), json.dumps(found))


def _K(camera: Camera) -> list[list[float]]:
    from ...core.geometry.camera import intrinsics

    return intrinsics(camera.focal, camera.principal_point).tolist()


def _entry(pose: RelativePose) -> dict[str, Any]:
    return {
        "cam2world": pose.cam2world.tolist(),
        "inliers": int(pose.inliers.sum()),
        "of": len(pose.inliers),
        "directed": pose.directed,
    }
