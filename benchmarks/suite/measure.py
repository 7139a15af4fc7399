"""One run of one solver in a process of its own: CPU-seconds, wall, peak memory, loss and accuracy."""

import ctypes
import gc
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from multiprocessing.connection import Connection

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.alignment.aligner import AlignmentPhoto, align
from ...core.settings import AlignmentSettings
from ...evaluation.metrics.poses import align_cameras, pose_metrics
from ..baseline.dense_adam import align_densely
from ..baseline.start import spanning_tree_start
from .cells import STEPS, Inputs

AUCS = ("auc5", "auc10", "auc30")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run cost and how good it was; accuracy is None where the run was not carried to its end."""

    cpu_s: float
    wall_s: float
    peak_mb: float  # above the inputs
    loss: float | None = None  # the published objective in the published units
    auc5: float | None = None
    auc10: float | None = None
    auc30: float | None = None
    rotation: float | None = None  # degrees, mean over the cameras
    focal: float | None = None  # percent, mean over the cameras
    reprojection: float | None = None  # network pixels, median over the network's own matches
    depth: float | None = None  # percent, median disagreement of two photos' depths over the same matches


def mean_run(runs: Sequence[Run]) -> Run:
    """The mean of every figure; None where one of the runs has none."""
    columns = {field.name: [getattr(run, field.name) for run in runs] for field in fields(Run)}
    means = {name: None if None in column else float(np.mean(column)) for name, column in columns.items()}
    return replace(runs[0], **means)


@dataclass(frozen=True, slots=True)
class Found:
    """What a solver found; pixels are the photo's."""

    cam2world: NDArray[np.float64]  # (N, 4, 4)
    focal: NDArray[np.float64]  # (N,)
    principal_point: NDArray[np.float64]  # (N, 2)
    depth: tuple[NDArray[np.float32], ...]  # N x (H, W)
    loss: float


class _Clock:
    """CPU- and wall seconds since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> NDArray[np.float64]:
        return np.array([time.process_time() - self._cpu, time.perf_counter() - self._wall])


def pose_accuracy(given: Inputs, found: Found) -> dict[str, float]:
    """The accuracy fields of a Run."""
    measured = pose_metrics(found.cam2world, given.cam2world)
    _, rotation, _ = align_cameras(found.cam2world, given.cam2world)
    focal = float(100 * np.abs(found.focal / given.focal - 1).mean())
    return {**{key: measured[key] for key in AUCS}, "rotation": float(rotation.mean()), "focal": focal}


Judge = Callable[[Inputs, Found], dict[str, float]]


def run_ours(given: Inputs, judge: Judge = pose_accuracy) -> Run:
    """Our solver with its defaults, dense depth included."""

    def work() -> Run:
        clock = _Clock()
        centres = [(float(x), float(y)) for x, y in given.centres]
        photos = [AlignmentPhoto(m, principal_point=c) for m, c in zip(given.mappings, centres, strict=True)]
        found = align(photos, given.predictions)
        cpu, wall = clock.read()
        cameras = Found(found.cam2world, found.focal, found.principal_point, found.depth, found.loss)
        return Run(float(cpu), float(wall), _peak_mb(), found.loss, **judge(given, cameras))

    return in_own_process(work)


def run_dense(given: Inputs, steps: int = STEPS, judge: Judge = pose_accuracy) -> Run:
    """The published solver's 300 steps; with fewer, their cost is extrapolated and accuracy left out."""
    settings = AlignmentSettings(iterations=steps)

    def whole() -> Run:
        clock = _Clock()
        found = align_densely(given.mappings, given.predictions, settings, given.centres)
        cpu, wall = clock.read()
        loss = found.losses[-1]
        cameras = Found(found.cam2world, found.focal, found.principal_point, found.depth, loss)
        return Run(float(cpu), float(wall), _peak_mb(), loss, **judge(given, cameras))

    def part() -> Run:
        clock = _Clock()
        start = spanning_tree_start(given.mappings, given.predictions, given.centres)
        seconds = [clock.read()]
        for few in (0, steps):
            chosen = replace(settings, iterations=few)
            align_densely(given.mappings, given.predictions, chosen, given.centres, start=start)
            seconds.append(clock.read())
        started, without, ended = seconds
        cpu, wall = without + STEPS * (ended - without - (without - started)) / steps
        return Run(float(cpu), float(wall), _peak_mb())

    return in_own_process(whole if steps >= STEPS else part)


def in_own_process(work: Callable[[], Run]) -> Run:
    """The run, with the peak memory above what the inputs take: a fork, which shares them.

    Raises RuntimeError when the process dies.
    """
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # else the child would fill freed memory of ours, unseen
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_child, args=(work, send))
    process.start()
    send.close()
    try:
        run = receive.recv()
    except EOFError as error:
        raise RuntimeError("the solver's process died; see above, or the memory was too small") from error
    finally:
        process.join()
    return run


def _child(work: Callable[[], Run], send: Connection) -> None:
    torch.set_num_threads(1)
    before = _peak_mb()
    run = work()
    send.send(replace(run, peak_mb=run.peak_mb - before))


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
