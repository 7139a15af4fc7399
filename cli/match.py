"""The verbs `match` and `relative-pose`: what two photos have in common, as one line of JSON and as files."""

import argparse
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

from ..core.checkpoints.loading import load_model
from ..core.checkpoints.local import default_model_folder, find_model
from ..core.errors import InputError
from ..core.export.matches import COLMAP_MATCHES, PhotoMatches, save_colmap, save_csv
from ..core.geometry.method import Method
from ..core.geometry.relative_pose import Camera, RelativePose, relative_pose
from ..core.images.preprocessing import load_view
from ..core.images.reader import unique_names
from ..core.inference import forward as inference
from ..core.io.atomic import replacing, together
from ..core.jobs.job import find_result
from ..core.localization.image_pair import PhotoPair, show_pair
from ..core.localization.matching import match_views
from ..core.pipeline.reconstruct import framing_of, intrinsics
from ..core.progress import Timeline
from ..core.reconstruction.result import AlignedView, Reconstruction
from ..core.runtime.device import pick_device
from .output import Output
from .outputs import FEATURES, MATCHES, POSE, RAW_MATCHES
from .writing import check_written

MATCHING = "Matching"


def match(arguments: argparse.Namespace, output: Output) -> None:
    """Match two photos, or the photos of a finished job, and say how many matches there are."""
    folder = arguments.colmap
    check_written(arguments, {"output": MATCHES}, files=[(folder / COLMAP_MATCHES, RAW_MATCHES)] if folder else [])
    pairs = _match_job(arguments, output) if arguments.job else [_match_files(arguments, output)]
    if folder:
        names = {name for pair in pairs for name in pair.names}
        check_written(arguments, {}, files=[(folder / f"{name}.txt", FEATURES) for name in sorted(names)])
    with together():
        if arguments.output:
            save_csv(arguments.output, pairs)
        if arguments.colmap:
            save_colmap(arguments.colmap, pairs)
    found = {"pairs": [{"photos": pair.names, "matches": len(pair.matches.at_a)} for pair in pairs]}
    output.result(str(arguments.output or arguments.colmap or ""), json.dumps(found))


def relative_pose_verb(arguments: argparse.Namespace, output: Output) -> None:
    """Find camera b in camera a's frame by every method asked for; raises InputError where none finds it."""
    check_written(arguments, {"output": POSE})
    pair = _show((arguments.photo_a, arguments.photo_b), arguments, output)
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
        with replacing(arguments.output) as file:
            file.write(json.dumps(found, indent=1).encode())
    output.result(str(arguments.output or ""), json.dumps(found))


def _match_files(arguments: argparse.Namespace, output: Output) -> PhotoMatches:
    if len(arguments.photos) != 2:
        raise InputError(f"match compares two photos, got {len(arguments.photos)}; name two, or a job with --job")
    pair = _show(tuple(map(Path, arguments.photos)), arguments, output)
    a, b = (view.name for view in pair.views)
    return PhotoMatches((a, b), pair.mappings, pair.matches(arguments.min_confidence))


def _match_job(arguments: argparse.Namespace, output: Output) -> list[PhotoMatches]:
    result = find_result(arguments.job).without_flaws()
    couples = list(combinations(_named(result, arguments.photos), 2))
    lowest = result.min_confidence if arguments.min_confidence is None else arguments.min_confidence
    report, pairs = Timeline({MATCHING: 1}, output.progress), []
    for done, (a, b) in enumerate(couples):
        report(MATCHING, done, len(couples))
        if a.component == b.component:
            pairs.append(PhotoMatches((a.name, b.name), (a.mapping, b.mapping), match_views(a, b, lowest)))
    report(MATCHING, len(couples), len(couples))
    return pairs


def _named(result: Reconstruction, names: Sequence[str]) -> list[AlignedView]:
    """The photos of these names, or all; raises InputError for a name that is none of theirs and for a single photo."""
    views = {view.name: view for view in result.views}
    for name in names:
        if name not in views:
            raise InputError(f"The reconstruction has no photo {name}; it has {', '.join(views)}")
    chosen = [views[name] for name in names] or list(result.views)
    if len(chosen) < 2:
        raise InputError(f"match compares photos in pairs, got only {chosen[0].name}; name another")
    return chosen


def _show(photos: Sequence[Path], arguments: argparse.Namespace, output: Output) -> PhotoPair:
    if photos[0].resolve() == photos[1].resolve():
        raise InputError(f"{photos[0]} is given twice; name two photos")
    path = find_model(arguments.model, arguments.models_folder or default_model_folder())
    model = load_model(path, pick_device(arguments.device))
    names = unique_names(photos)
    a, b = (load_view(photo, framing_of(model.config), name) for photo, name in zip(photos, names, strict=True))
    return show_pair(model.network, (a, b), Timeline(inference.STAGES, output.progress))


def _K(camera: Camera) -> list[list[float]]:
    return intrinsics(camera.focal, camera.principal_point).tolist()


def _entry(pose: RelativePose) -> dict[str, Any]:
    return {
        "cam2world": pose.cam2world.tolist(),
        "inliers": int(pose.inliers.sum()),
        "of": len(pose.inliers),
        "directed": pose.directed,
    }
