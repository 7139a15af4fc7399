"""`align`: the alignment of a job, or of pair predictions made elsewhere."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.cameras.priors import UNKNOWN, KnownCamera, in_square_pixels, read_named
from ...core.errors import InputError
from ...core.export.ply import save_ply
from ...core.io.atomic import together, write_json
from ...core.jobs.job import Job
from ...core.progress import Timeline
from ...core.reconstruction.result import Reconstruction
from ...core.runtime.memory import peak_memory
from ...core.settings import AlignmentSettings, ReconstructionSettings
from ...core.version import VERSION
from ..output import Output, photo_count
from ..outputs import CAMERAS, POINTS, TIMINGS, check_written
from ..shared_arguments import (
    add_alignment,
    add_cache,
    add_known,
    add_overwrite,
    confidence,
    read_alignment,
    read_pin,
)
from . import work

if TYPE_CHECKING:
    from ...core.alignment.aligner import Alignment
    from ...core.inference.pairs_npz import PairFile

HELP = "cameras and points from a job, or from pair predictions made elsewhere"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    pairs = "a folder with a job.json, or edges (E, 2), pts_i, pts_j (E, H, W, 3), conf_i, conf_j (E, H, W)"
    add("pairs", type=Path, metavar="JOB|PAIRS.npz", help=pairs)
    add("--cameras", type=Path, metavar="CAMERAS.json", help="write the cameras (needed with PAIRS.npz)")
    add("--points", type=Path, metavar="POINTS.ply", help="write the coloured points")
    add("--timings", type=Path, metavar="T.json", help="write seconds, memory and the objective's value")
    add_overwrite(add)
    add("--min-confidence", type=confidence, default=1.0, metavar="C", help="leave points below out of POINTS.ply")
    add_known(parser)
    add_cache(parser)
    add_alignment(parser)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Finish a job, including forward passes that are missing, or align pair predictions made elsewhere."""
    if not arguments.pairs.is_dir():
        _align_pairs(arguments, output)
        return
    arguments.folder = arguments.pairs
    _check_no_settings(arguments)
    work.run(arguments, output)


def _check_no_settings(arguments: argparse.Namespace) -> None:
    """Raise InputError for settings and outputs: a job has its own settings, and `import` writes its outputs."""
    Job.load(arguments.folder)
    given = (arguments.cameras, arguments.points, arguments.timings, arguments.known, arguments.pin)
    if any(given) or asdict(read_alignment(arguments)) != asdict(AlignmentSettings()):
        raise InputError(f"{arguments.folder} is a job: give settings to `plan`, and outputs to `import`")


def _align_pairs(arguments: argparse.Namespace, output: Output) -> None:
    """Align pair predictions made elsewhere and write cameras, points and timings."""
    from ...core.alignment.aligner import AlignmentPhoto, align
    from ...core.inference.pairs_npz import read_pairs
    from ...core.pipeline.reconstruct import aligned_views

    if arguments.cameras is None:
        raise InputError("Nothing would be written; name --cameras")
    check_written(arguments, {"cameras": CAMERAS, "points": POINTS, "timings": TIMINGS})
    settings, pairs = read_alignment(arguments), read_pairs(arguments.pairs)
    known = _known(arguments, pairs)
    rows = zip(*in_square_pixels(pairs.views, known), pairs.principal_points, strict=True)
    photos = [AlignmentPhoto(mapping, known=camera, principal_point=centre) for mapping, camera, centre in rows]
    wall, cpu = time.perf_counter(), time.process_time()
    alignment = align(
        photos,
        pairs.predictions,
        settings,
        report=Timeline({"Aligning": 1}, output.progress),
    )
    seconds = {"align_cpu_s": time.process_time() - cpu, "align_wall_s": time.perf_counter() - wall}
    for warning in alignment.warnings:
        output.warning(warning)
    views = aligned_views(pairs.views, alignment, known, [camera.evidence for camera in known])
    recipe = ReconstructionSettings(cameras="network", surfaces="network", hide=(), ground="off", alignment=settings)
    result = Reconstruction(views, f"predictions from {arguments.pairs.name}", recipe, VERSION, alignment.warnings)
    if arguments.points:
        result.with_settings(min_confidence=arguments.min_confidence).check_shown()
    with together():
        result.save_cameras(arguments.cameras)
        if arguments.points:
            save_ply(arguments.points, result.point_cloud(arguments.min_confidence))
        if arguments.timings:
            _write_timings(arguments, alignment, seconds)
    output.result(str(arguments.cameras), f"{photo_count(len(views))} -> {arguments.cameras}")


def _known(arguments: argparse.Namespace, pairs: PairFile) -> list[KnownCamera]:
    """The cameras of --known, one a photo, named by its number; raises InputError for what does not fit."""
    sizes = {view.name: view.mapping.photo_size for view in pairs.views}
    pin = read_pin(arguments)
    cameras = read_named(arguments.known, sizes, pin) if arguments.known else {}
    return [cameras.get(view.name, UNKNOWN) for view in pairs.views]


def _write_timings(arguments: argparse.Namespace, alignment: Alignment, seconds: dict[str, float]) -> None:
    peak = peak_memory()
    timings = {**seconds, "peak_rss_mb": peak and peak / 1e6, "loss": alignment.loss}
    write_json(arguments.timings, timings)
