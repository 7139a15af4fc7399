"""The classical pipeline's exam on the same photos, in a process of its own. Imports no torch."""

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ...core.errors import InputError
from ...core.jobs.process import WorkerJob
from ...core.progress import Report, silent
from ..metrics.thresholds import RECALLS
from .found import load_found
from .scoring import Exam, camera_figures, point_figures, read_depths, read_truth

FOUND = "found.npz"  # what the process leaves in its folder
METHODS = {"pycolmap": False, "pycolmap-permissive": True}  # whether it is permissive


def examine_pycolmap(
    folder: Path, report: Report = silent, recalls: Sequence[float] = RECALLS, permissive: bool = False
) -> Exam:
    """Run pycolmap on folder/images and compare cameras, and points where there is true depth, with the truth.

    Figures: as of `examine_photos`, but no depth, of which it gives no maps; seconds without starting the process and
    copying the photos. Raises InputError when the folder cannot be used or pycolmap is missing, and whatever `report`
    raises: the process is ended then, and its files are gone in any case.
    """
    truth = read_truth(folder)
    depths = read_depths(truth)
    with tempfile.TemporaryDirectory(prefix="dust3r-exam-", ignore_cleanup_errors=True) as work:
        arguments = ["classical", *(str(photo.path) for photo in truth), "--output", work]
        arguments += ["--permissive"] if permissive else []
        _supervise(WorkerJob(arguments), report)
        by_path, cost = load_found(Path(work) / FOUND)
    found = {photo.name: by_path[str(photo.path)] for photo in truth if str(photo.path) in by_path}
    return Exam(camera_figures(truth, found, recalls) | point_figures(truth, found, depths) | cost)


def check_pycolmap() -> None:
    """Raise InputError now, rather than after the model's exam, where there is no pycolmap."""
    if find_spec("pycolmap") is None:
        raise InputError("--against pycolmap needs the package pycolmap; install it: pip install pycolmap")


def _supervise(worker: WorkerJob, report: Report) -> None:
    """Until the worker ends; the worker ends at once when `report`, or a signal, raises."""
    try:
        while worker.running:
            if worker.progress is not None:
                report(worker.progress.stage, worker.progress.done, worker.progress.total)
            worker.wait(0.1)
    finally:
        if worker.running:
            worker.cancel()
            worker.wait()
    worker.result()
