"""The verbs `predict` and `align`: the network alone and the alignment alone."""

import argparse
import json
import time
from dataclasses import asdict, replace

import numpy as np

from ..core.alignment.aligner import Alignment
from ..core.alignment.aligner import align as solve
from ..core.cameras.priors import UNKNOWN, KnownCamera, in_square_pixels, read_named
from ..core.checkpoints.loading import load_model
from ..core.checkpoints.local import default_model_folder, find_model
from ..core.errors import InputError
from ..core.export.ply import save_ply
from ..core.images.preprocessing import load_view
from ..core.inference import forward as inference
from ..core.inference.pairs_npz import PairFile, read_pairs
from ..core.io.atomic import replacing, together
from ..core.pipeline.reconstruct import aligned_views, framing_of
from ..core.progress import Timeline
from ..core.reconstruction.result import Reconstruction
from ..core.runtime.device import pick_device
from ..core.runtime.memory import peak_memory
from ..core.scene_graph.edges import Edge
from ..core.version import VERSION
from .known_arguments import read_pin
from .output import Output, photo_count
from .outputs import CAMERAS, PAIR, POINTS, TIMINGS
from .settings import read_alignment
from .writing import check_written


def predict(arguments: argparse.Namespace, output: Output) -> None:
    """Write points_i, points_j (H, W, 3) and confidence_i, confidence_j (H, W), float32, at network resolution."""
    check_written(arguments, {"output": PAIR})
    path = find_model(arguments.model, arguments.models_folder or default_model_folder())
    model = load_model(path, pick_device(arguments.device))
    views = [load_view(photo, framing_of(model.config)) for photo in (arguments.photo_i, arguments.photo_j)]
    timeline = Timeline(inference.STAGES, output.progress)
    (prediction,) = inference.predict(model.network, views, [Edge(0, 1)], timeline)
    fields = ("points_i", "points_j", "confidence_i", "confidence_j")
    with replacing(arguments.output) as file:
        np.savez(file, **{name: getattr(prediction, name).numpy() for name in fields})
    output.result(str(arguments.output), f"{views[0].name}, {views[1].name} -> {arguments.output}")


def align(arguments: argparse.Namespace, output: Output) -> None:
    """Align pair predictions made elsewhere and write cameras, points and timings."""
    if arguments.cameras is None:
        raise InputError("Nothing would be written; name --cameras")
    check_written(arguments, {"cameras": CAMERAS, "points": POINTS, "timings": TIMINGS})
    settings, pairs = read_alignment(arguments), read_pairs(arguments.pairs)
    known = _known(arguments, pairs)
    mappings, square = in_square_pixels(pairs.views, known)
    wall, cpu = time.perf_counter(), time.process_time()
    alignment = solve(
        mappings,
        pairs.predictions,
        settings,
        principal_points=pairs.principal_points,
        known=square,
        report=Timeline({"Aligning": 1}, output.progress),
    )
    seconds = {"align_cpu_s": time.process_time() - cpu, "align_wall_s": time.perf_counter() - wall}
    for warning in alignment.warnings:
        output.warning(warning)
    views = aligned_views(pairs.views, alignment, known)
    model = f"predictions from {arguments.pairs.name}"
    recipe = {"alignment": asdict(settings)}
    result = Reconstruction(views, model, recipe, VERSION, alignment.warnings)
    if arguments.points:
        replace(result, settings=recipe | {"min_confidence": arguments.min_confidence, "hide": []}).check_shown()
    with together():
        result.save_cameras(arguments.cameras)
        if arguments.points:
            save_ply(arguments.points, result.point_cloud(arguments.min_confidence))
        if arguments.timings:
            _write_timings(arguments, alignment, seconds)
    output.result(str(arguments.cameras), f"{photo_count(len(views))} -> {arguments.cameras}")


def _known(arguments: argparse.Namespace, pairs: PairFile) -> list[KnownCamera]:
    """What --known says of the photos, which are called by their numbers; raises InputError for what does not fit."""
    sizes = {view.name: view.mapping.photo_size for view in pairs.views}
    pin = read_pin(arguments)
    cameras = read_named(arguments.known, sizes, pin) if arguments.known else {}
    return [cameras.get(view.name, UNKNOWN) for view in pairs.views]


def _write_timings(arguments: argparse.Namespace, alignment: Alignment, seconds: dict[str, float]) -> None:
    peak = peak_memory()
    timings = {**seconds, "peak_rss_mb": peak and peak / 1e6, "loss": alignment.loss}
    with replacing(arguments.timings) as file:
        file.write(json.dumps(timings, indent=1).encode())
