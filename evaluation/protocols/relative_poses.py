"""Multi-view poses: how far relative cameras of a few frames are off, by PnP for each pair and by global alignment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.alignment.aligner import AlignmentPhoto, align
from ...core.checkpoints.loading import LoadedModel
from ...core.images.preprocessing import View, load_together
from ...core.inference.forward import predict
from ...core.inference.prediction import Prediction
from ...core.pipeline.reconstruct import framing_of
from ...core.progress import Report
from ...core.scene_graph.edges import Edge, make_edges
from ...core.settings import AlignmentSettings, ReconstructionSettings
from ..metrics.poses import published_pair_errors, summarise_errors
from .task import Figures

Array = NDArray[np.float64]

FRAMES = 10  # of a sequence
COUNTED = ("rra15", "rta15", "maa30")
LOST = 180.0  # degrees: the error of a pair of frames that share no world


@dataclass(frozen=True, slots=True)
class PosedFrame:
    """A photo of a sequence and where it was truly taken."""

    path: Path
    cam2world: Array  # (4, 4), rigid, OpenCV axes


def examine_poses(
    frames: Sequence[PosedFrame], model: LoadedModel, settings: ReconstructionSettings, report: Report
) -> Figures:
    """RRA@15, RTA@15 and mAA(30) over all pairs of the frames, in percent, nothing given but the photos.

    pnp_*: each pair's pose from its own two predictions, by PnP; the others: the global alignment's. Both orders of
    every pair are predicted. Raises InputError for a photo that cannot be used.
    """
    views = load_together([frame.path for frame in frames], framing_of(model.config))
    edges = make_edges(len(views), "complete")
    predictions = predict(model.network, views, edges, report)
    true = np.stack([frame.cam2world for frame in frames])
    return {
        **_counted("pnp_", *_pair_errors(views, predictions, true, settings.alignment)),
        **_counted("", *_world_errors(views, predictions, true, settings.alignment)),
    }


def _counted(prefix: str, rotation: Array, direction: Array) -> Figures:
    figures = summarise_errors(rotation, direction)
    return {prefix + key: figures[key] for key in COUNTED}


def _world_errors(
    views: Sequence[View], predictions: Sequence[Prediction], true: Array, settings: AlignmentSettings
) -> tuple[Array, Array]:
    """Errors of all pairs in the world of all frames, degrees."""
    found = align([AlignmentPhoto(view.mapping, view.mask) for view in views], predictions, settings)
    i, j = np.triu_indices(len(true), 1)
    apart = found.component[i] != found.component[j]
    rotation, direction = published_pair_errors(found.cam2world, true)
    return np.where(apart, LOST, rotation), np.where(apart, LOST, direction)


def _pair_errors(
    views: Sequence[View], predictions: Sequence[Prediction], true: Array, settings: AlignmentSettings
) -> tuple[Array, Array]:
    """Errors of each pair alone, degrees: the alignment of two photos is PnP in both directions."""
    of_edge = {prediction.edge: prediction for prediction in predictions}
    errors = []
    for i, j in zip(*np.triu_indices(len(true), 1), strict=True):
        both = [replace(of_edge[Edge(i, j)], edge=Edge(0, 1)), replace(of_edge[Edge(j, i)], edge=Edge(1, 0))]
        errors.append(_world_errors([views[i], views[j]], both, true[[i, j]], settings))
    rotation, direction = zip(*errors, strict=True)
    return np.concatenate(rotation), np.concatenate(direction)
