"""The network over a scene graph: every photo is encoded once, every edge decoded once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch

from .images import View
from .model.dust3r import DUSt3R, Encoded
from .prediction import Prediction
from .progress import Report, silent
from .scene_graph import Edge

STAGE = "Predicting pairs"
BATCH_PIXELS = {"cpu": 2**18, "mps": 2**20, "cuda": 2**22}  # of both photos together, per decoder batch


@torch.inference_mode()
def predict(network: DUSt3R, views: Sequence[View], edges: Sequence[Edge], report: Report = silent) -> list[Prediction]:
    """The pointmaps and confidences of every edge, in the order of the edges, on the CPU in float32.

    Runs on the device that the network is on. Edges whose photos have equal shapes share a batch; the batches depend
    on the shapes alone, so that the same photos give the same result.
    """
    used = sorted({index for edge in edges for index in edge})
    total = len(used) + len(edges)
    encoded: dict[int, Encoded] = {}
    device = next(network.parameters()).device
    for index in used:
        report(STAGE, len(encoded), total)
        encoded[index] = network.encode(views[index].image[None].to(device))
    predictions: dict[Edge, Prediction] = {}
    for batch in _batches(views, edges, BATCH_PIXELS[device.type]):
        report(STAGE, len(used) + len(predictions), total)
        predictions |= {prediction.edge: prediction for prediction in _decode(network, encoded, batch)}
    report(STAGE, total, total)
    return [predictions[edge] for edge in edges]


def _batches(views: Sequence[View], edges: Sequence[Edge], pixels: int) -> Iterator[list[Edge]]:
    groups: dict[tuple[torch.Size, torch.Size], list[Edge]] = defaultdict(list)
    for edge in edges:
        groups[views[edge.i].image.shape, views[edge.j].image.shape].append(edge)
    for (shape_i, shape_j), group in groups.items():
        size = max(1, pixels // (shape_i[1:].numel() + shape_j[1:].numel()))
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _decode(network: DUSt3R, encoded: dict[int, Encoded], edges: list[Edge]) -> Iterator[Prediction]:
    output = network.decode(*(_stack([encoded[edge[side]] for edge in edges]) for side in (0, 1)))
    fields = (output.points_i, output.points_j, output.confidence_i, output.confidence_j)
    for edge, *tensors in zip(edges, *(field.float().cpu() for field in fields), strict=True):
        yield Prediction(edge, *tensors)


def _stack(encoded: list[Encoded]) -> Encoded:
    return Encoded(torch.cat([one.tokens for one in encoded]), encoded[0].shape)
