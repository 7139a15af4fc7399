"""`predict`: the network's output for one pair of photos."""

import argparse
from pathlib import Path

import numpy as np

from ...core.io.atomic import replacing
from ...core.progress import Timeline
from ...core.scene_graph.edges import Edge
from ..output import Output
from ..outputs import PAIR, check_written
from ..shared_arguments import add_model, add_overwrite, load_chosen_model

HELP = "the network's raw output for one ordered pair of photos"
FIELDS = ("points_i", "points_j", "confidence_i", "confidence_j")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo_i", type=Path, metavar="A", help="the photo in whose camera frame the points are")
    parser.add_argument("photo_j", type=Path, metavar="B", help="the other photo")
    add_model(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="PAIR.npz", help="write the pair")
    add_overwrite(parser.add_argument)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write points_i, points_j (H, W, 3) and confidence_i, confidence_j (H, W), float32, at network resolution."""
    from ...core.images.preprocessing import load_view
    from ...core.inference import forward
    from ...core.pipeline.reconstruct import framing_of

    check_written(arguments, {"output": PAIR})
    model = load_chosen_model(arguments)
    views = [load_view(photo, framing_of(model.config)) for photo in (arguments.photo_i, arguments.photo_j)]
    timeline = Timeline(forward.STAGES, output.progress)
    (prediction,) = forward.predict(model.network, views, [Edge(0, 1)], timeline)
    with replacing(arguments.output) as file:
        np.savez(file, **{name: getattr(prediction, name).numpy() for name in FIELDS})
    output.result(str(arguments.output), f"{views[0].name}, {views[1].name} -> {arguments.output}")
