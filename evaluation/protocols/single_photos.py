"""Monocular depth: what the network says of a photo paired with itself."""

import numpy as np

from ...core.checkpoints.loading import LoadedModel
from ...core.images.preprocessing import View
from ...core.inference.forward import predict
from ...core.progress import Report
from ...core.scene_graph.edges import Edge
from ..metrics.depth import depth_metrics
from .depth_maps import Depth, on_photo
from .task import Figures

COUNTED = ("absrel", "delta125")


def examine_depth(view: View, true: Depth, model: LoadedModel, report: Report) -> Figures:
    """Mean relative error and share within a ratio of 1.25, in percent, where true depth is above 0.

    true: (h, w), of the whole photo, any resolution. The unit is taken out by the medians. Empty where nothing is
    known, or nothing of it seen by the network.
    """
    (one,) = predict(model.network, [view], [Edge(0, 0)], report)
    found = on_photo(one.points_i[..., 2].numpy(), view.mapping, (true.shape[0], true.shape[1]))
    counted = (true > 0) & np.isfinite(found)
    if not counted.any():
        return {}
    figures = depth_metrics(found[counted], true[counted])
    return {key: figures[key] for key in COUNTED}
