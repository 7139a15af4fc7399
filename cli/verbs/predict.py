"""`predict`: the network's output for one pair of photos, or for as many as it takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.io.atomic import replacing
from ...core.progress import Report, Timeline
from ...core.scene_graph.edges import Edge
from ..output import Output
from ..outputs import PREDICTED, check_written
from ..shared_arguments import add_model, add_overwrite, load_chosen_model

if TYPE_CHECKING:
    from ...core.images.preprocessing import View
    from ...core.networks.depth_anything_3.depth_anything_3 import DepthAnything3
    from ...core.networks.network import Network

HELP = "the network's raw output for one ordered pair of photos, or for any number with a model that takes many"
PAIR_FIELDS = ("points_i", "points_j", "confidence_i", "confidence_j")
GROUP_FIELDS = ("depth", "confidence", "world2cam", "K")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos", type=Path, nargs="+", metavar="PHOTO", help="the one in whose camera frame the points are, the other"
    )
    add_model(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.npz", help="write the arrays")
    add_overwrite(parser.add_argument)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write float32 arrays at network resolution.

    Of a pair: points_i, points_j (H, W, 3) and confidence_i, confidence_j (H, W). With a model that takes many photos,
    in their order: depth, confidence (S, H, W), world2cam (S, 3, 4) and K (S, 3, 3).
    """
    from ...core.images.preprocessing import load_together
    from ...core.inference.forward import STAGES
    from ...core.networks.depth_anything_3.depth_anything_3 import DepthAnything3
    from ...core.pipeline.reconstruct import framing_of

    check_written(arguments, {"output": PREDICTED})
    model = load_chosen_model(arguments)
    network, report = model.network, Timeline(STAGES, output.progress)
    if not isinstance(network, DepthAnything3) and len(arguments.photos) != 2:
        raise InputError(f"{model.name} takes pairs of photos, got {len(arguments.photos)}; name two")
    views = load_together(arguments.photos, framing_of(model.config))
    if isinstance(network, DepthAnything3):
        arrays = _of_group(network, views, report)
    else:
        arrays = _of_pair(network, views, report)
    with replacing(arguments.output) as file:
        np.savez(file, **arrays)
    names = ", ".join(view.name for view in views)
    output.result(str(arguments.output), f"{names} -> {arguments.output}")


def _of_pair(network: Network, views: list[View], report: Report) -> dict[str, NDArray[np.float32]]:
    from ...core.inference.forward import predict

    (prediction,) = predict(network, views, [Edge(0, 1)], report)
    return {name: getattr(prediction, name).numpy() for name in PAIR_FIELDS}


def _of_group(network: DepthAnything3, views: list[View], report: Report) -> dict[str, NDArray[np.float32]]:
    from ...core.inference.forward import PREDICTING
    from ...core.inference.group_prediction import predict_group

    def step(share: float) -> None:
        report(PREDICTING, int(share * len(views)), len(views))

    group = predict_group(network, views, range(len(views)), step=step)
    report(PREDICTING, len(views), len(views))
    return {name: getattr(group, name).astype(np.float32) for name in GROUP_FIELDS}
