"""A model's exam on photos with known cameras: reconstructed with nothing given but themselves, then compared."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ...core.checkpoints.loading import LoadedModel
from ...core.pipeline.reconstruct import reconstruct
from ...core.progress import Report, silent
from ...core.runtime.memory import forget_peak, peak_memory
from ...core.settings import ReconstructionSettings
from ..metrics.thresholds import RECALLS
from .clock import Clock
from .found import found_photo
from .scoring import Exam, camera_figures, depth_figures, point_figures, read_depths, read_truth


def examine_photos(
    folder: Path,
    model: LoadedModel,
    settings: ReconstructionSettings,
    report: Report = silent,
    recalls: Sequence[float] = RECALLS,
) -> Exam:
    """Reconstruct folder/images and compare cameras, and depth and points where folder/depth is there, with the truth.

    Figures: those of `camera_figures`, `depth_figures` and `point_figures`; of the reconstruction, the model in memory
    already, those of its `Clock` and memory: MiB, the most that this process held in the meantime, model included
    (where the system cannot say, in its whole life); gpu_memory: MiB of torch's on a GPU. Raises InputError when the
    folder cannot be used, before the work.
    """
    truth = read_truth(folder)
    depths = read_depths(truth)
    device = model.device
    _forget_peaks(device)
    began = Clock()
    result = reconstruct([photo.path for photo in truth], model, settings, report)
    cost = began.figures() | _peaks(device)
    views = {view.path: view for view in result.views}
    found = {photo.name: found_photo(views[path]) for photo in truth if (path := photo.path.resolve()) in views}
    figures = camera_figures(truth, found, recalls) | depth_figures(truth, found, depths)
    return Exam(figures | point_figures(truth, found, depths) | cost, result.warnings)


def _forget_peaks(device: torch.device) -> None:
    forget_peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peaks(device: torch.device) -> dict[str, float]:
    peak = peak_memory()
    held = {"memory": peak / 2**20} if peak is not None else {}
    return held | ({"gpu_memory": torch.cuda.max_memory_allocated(device) / 2**20} if device.type == "cuda" else {})
