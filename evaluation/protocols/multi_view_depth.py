"""Multi-view depth: a key view's depth from its pairs with source views, cameras unknown."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError
from ...core.images.preprocessing import load_together
from ...core.inference.forward import predict
from ...core.inference.prediction import Prediction
from ...core.pipeline.reconstruct import framing_of
from ...core.progress import Report
from ...core.scene_graph.edges import Edge
from ..metrics.depth import depth_metrics
from .depth_maps import Depth, on_photo
from .task import Figures

COUNTED = ("absrel", "tau103")
RANGE = (0.1, 100.0)  # metres: the benchmark cuts predicted depth to it once its unit is found


def examine_key_view(key: Path, sources: Sequence[Path], true: Depth, model: LoadedModel, report: Report) -> Figures:
    """Mean relative error and share within a ratio of 1.03, in percent, where true depth is above 0.

    true: (h, w), metres, of the whole key view. Sources are ranked by the relative error of their pair alone, and the
    best of the first, the first two, ... counts: the benchmark's "quasi-optimal" order. Empty where nothing is known,
    or nothing of it seen by the network. Raises InputError for a photo that cannot be used.
    """
    if not sources:
        raise InputError(f"{key} comes without source views; the benchmark needs at least one")
    paths = [key, *sources]
    views = load_together(paths, framing_of(model.config))
    pairs = predict(model.network, views, [Edge(0, k) for k in range(1, len(views))], report)
    shape, mapping = (true.shape[0], true.shape[1]), views[0].mapping
    counted = (true > 0) & np.isfinite(on_photo(fused_depth(pairs[:1]), mapping, shape))
    if not counted.any():
        return {}

    def judge(chosen: Sequence[Prediction]) -> dict[str, float]:
        return scaled_metrics(on_photo(fused_depth(chosen), mapping, shape)[counted], true[counted])

    alone = [judge([pair])["absrel"] for pair in pairs]
    ranked = [pairs[number] for number in np.argsort(alone, kind="stable")]
    best = min((judge(ranked[: count + 1]) for count in range(len(ranked))), key=lambda figures: figures["absrel"])
    return {name: best[name] for name in COUNTED}


def fused_depth(pairs: Sequence[Prediction]) -> Depth:
    """(H, W): depths of one photo, first in every pair, brought to the first pair's unit, averaged by confidence.

    Units are brought together by the median of the ratios of depth.
    """
    depths = [pair.points_i[..., 2].numpy().astype(np.float64) for pair in pairs]
    weights = np.stack([pair.confidence_i.numpy() for pair in pairs]).astype(np.float64)
    units = [float(np.median(depths[0] / np.maximum(depth, np.finfo(np.float32).tiny))) for depth in depths]
    together = np.stack([unit * depth for unit, depth in zip(units, depths, strict=True)])
    return ((weights * together).sum(0) / weights.sum(0)).astype(np.float32)


def scaled_metrics(found: Depth, true: Depth) -> dict[str, float]:
    """`depth_metrics` of depths (N,) that are cut to the benchmark's range once the medians have given their unit."""
    middle = float(np.median(found))
    scaled = np.clip(found * (float(np.median(true)) / middle), *RANGE) if middle > 0 else found
    return depth_metrics(scaled, true)
