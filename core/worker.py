"""Runs the job that lies in a folder, here and now: in a worker process for the panel, in-process headless."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from .device import pick_device
from .job import Job, log_file, result_folder
from .model.weights import load_model
from .pipeline import STAGES, reconstruct
from .progress import Progress, Timeline
from .reconstruction import Reconstruction

LOADING = "Loading the model"

log = logging.getLogger(__name__)


def run_job(folder: Path, show: Callable[[Progress], None]) -> Reconstruction:
    """Do what the folder's job.json says and leave the result beside it.

    show: called with the progress of the whole job; raising Cancelled in it stops the job.
    Raises ReconstructionError with one sentence; the folder then holds no result.
    """
    job = Job.load(folder)
    with _logging_to(log_file(folder)):
        log.info("%d photos, model %s, settings %s", len(job.photos), job.model, job.settings)
        report = Timeline({LOADING: 5.0, **STAGES}, show)
        torch.manual_seed(job.settings.alignment.seed)
        report(LOADING, 0, 1)
        model = load_model(job.model, pick_device(job.settings.device))
        report(LOADING, 1, 1)
        result = reconstruct(job.photos, model, job.settings, report)
        result.save(result_folder(folder))
        log.info("done: %d photos", len(result.views))
    return result


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger(__package__)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    except Exception:
        log.exception("The job failed")
        raise
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
