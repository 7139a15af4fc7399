"""A network shown pairs of views of generated scenes, whose truth is exact."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.alignment.aligner import AlignmentPhoto, align
from ...core.checkpoints.loading import LoadedModel
from ...core.images.pixel_mapping import PixelMapping
from ...core.images.preprocessing import View
from ...core.inference.forward import predict
from ...core.inference.prediction import Prediction
from ...core.networks.configs import NetworkConfig
from ...core.progress import Report, silent
from ...core.scene_graph.edges import Edge
from ...core.settings import AlignmentSettings
from ...training.batch import SceneBatch, Source
from ...training.losses import joined, regression_loss
from ..metrics.confidence import confidence_bins
from ..metrics.depth import depth_metrics, in_the_unit
from ..metrics.poses import pair_errors
from .scoring import LOST, Exam

STAGE = "Examining scenes"
Array = NDArray[np.floating]
SCENES = 8  # rendered at a time
STEP = 4  # pixels along a row from one to the next whose confidence counts


def examine_scenes(
    source: Source, model: LoadedModel, pairs: int, settings: AlignmentSettings, report: Report = silent
) -> Exam:
    """Show the network pairs of views of `pairs` scenes and compare pointmaps, depth and relative poses.

    Figures, medians or means over the pairs: pointmap: mean of `regression_loss`, in units of the pair's mean
    distance; those of `depth_metrics` for view i; rotation, direction: medians in degrees of relative rotation and
    translation direction of the aligned pair; rra5, rra15, rta5, rta15: shares in percent. Also what the network's
    confidence in depth means.
    """
    began, size = time.perf_counter(), exam_size(model.config)
    rows: list[dict[str, float]] = []
    certain: list[tuple[Array, Array]] = []  # confidence and relative error of some pixels
    for number, start in enumerate(range(0, pairs, SCENES)):
        batch = source.batch(number, min(SCENES, pairs - start), 2, 1, size)
        for pair in _pairs(batch):
            report(STAGE, len(rows), pairs)
            forth, back = _predicted(pair, model)
            rows.append(_pair_figures(pair, forth, back, settings))
            certain.append(_confidence(pair, forth))
    report(STAGE, pairs, pairs)
    figures = {key: float(np.mean([row[key] for row in rows])) for key in ("pointmap", "absrel", "delta125", "tau103")}
    for key, short in (("rotation", "rra"), ("direction", "rta")):
        errors = np.array([row[key] for row in rows])
        figures |= {key: float(np.median(errors))}
        figures |= {f"{short}{degrees}": float(100 * (errors < degrees).mean()) for degrees in (5, 15)}
    confidence, error = (np.concatenate(part) for part in zip(*certain, strict=True))
    seconds = time.perf_counter() - began
    return Exam(figures | {"pairs": len(rows), "seconds": seconds}, confidence=confidence_bins(confidence, error))


def exam_size(config: NetworkConfig) -> tuple[int, int]:
    """(width, height) of the views that a network is examined with: square, or 4:3 as most photos are."""
    if config.square_crop:
        return config.image_size, config.image_size
    return config.image_size, config.image_size * 3 // 4 // config.patch_size * config.patch_size


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two views i, j of a scene, with the truth in camera i's frame."""

    images: Tensor  # (2, 3, H, W), uint8
    points: Tensor  # (2, H, W, 3)
    valid: Tensor  # (2, H, W)
    j_to_i: Tensor  # (4, 4)
    centres: list[tuple[float, float]]  # principal points, pixels


def _pairs(batch: SceneBatch) -> Iterator[_Pair]:
    for s, pairs in enumerate(batch.pairs.cpu()):
        views = pairs[0]
        cam2world = batch.cam2world[s, views].cpu().double()
        world2cam = torch.linalg.inv(cam2world[0])
        points = batch.points[s, views].cpu().double() @ world2cam[:3, :3].T + world2cam[:3, 3]
        centres = [(float(K[0, 2]), float(K[1, 2])) for K in batch.K[s, views].cpu()]
        valid = batch.valid[s, views].cpu()
        yield _Pair(batch.images[s, views].cpu(), points, valid, world2cam @ cam2world[1], centres)


def _predicted(pair: _Pair, model: LoadedModel) -> Sequence[Prediction]:
    """The two edges of the pair."""
    views = [_view(image, f"view {k}") for k, image in enumerate(pair.images)]
    return predict(model.network, views, [Edge(0, 1), Edge(1, 0)])


def _confidence(pair: _Pair, found: Prediction) -> tuple[Array, Array]:
    """(N,) each: confidence in some pixels of view i, and |d - D| / D of their depth."""
    known = pair.valid[0].numpy()
    depth, true = (points[..., 2].numpy()[known] for points in (found.points_i, pair.points[0]))
    error = np.abs(in_the_unit(depth, true) / true - 1)
    return found.confidence_i.float().numpy()[known][::STEP], error[::STEP]


def _pair_figures(pair: _Pair, forth: Prediction, back: Prediction, settings: AlignmentSettings) -> dict[str, float]:
    known = pair.valid[0].numpy()
    found, true = (points[..., 2].numpy()[known] for points in (forth.points_i, pair.points[0]))
    figures = depth_metrics(found, true) | {"pointmap": _pointmap_error(forth, pair)}
    mapping = _mapping(pair.images[0])
    photos = [AlignmentPhoto(mapping, principal_point=centre) for centre in pair.centres]
    alignment = align(photos, [forth, back], settings)
    rotation, direction = pair_errors(alignment.cam2world, np.stack([np.eye(4), pair.j_to_i.numpy()]))
    apart = alignment.component[0] != alignment.component[1]
    return figures | {
        "rotation": LOST if apart else float(rotation[0]),
        "direction": LOST if apart else float(direction[0]),
    }


def _pointmap_error(found: Prediction, pair: _Pair) -> float:
    valid = pair.valid[:, None]
    truth = joined(pair.points[:1], pair.points[1:], valid[0], valid[1])
    points = joined(found.points_i[None].double(), found.points_j[None].double(), valid[0], valid[1]).points
    return float(regression_loss(points, truth))


def _view(image: Tensor, name: str) -> View:
    """A training image (3, H, W), uint8, as the network's input."""
    return View(name, Path(name), image.float() / 127.5 - 1, np.ones(image.shape[1:], dtype=bool), _mapping(image))


def _mapping(image: Tensor) -> PixelMapping:
    height, width = image.shape[1:]
    return PixelMapping((width, height), (width, height))
