"""The network over a scene graph: every photo is encoded once, every edge decoded once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import torch

from .images import View
from .model.dust3r import DUSt3R, Encoded
from .prediction import Prediction
from .progress import Report, silent
from .scene_graph import Edge

ENCODING, PREDICTING = "Encoding photos", "Predicting pairs"
STAGES = {ENCODING: 15.0, PREDICTING: 60.0}  # expected parts of the whole time
BATCH_PIXELS = {"cpu": 2**18, "mps": 2**20, "cuda": 2**22}  # of both photos together, per decoder batch


def predict(network: DUSt3R, views: Sequence[View], edges: Sequence[Edge], report: Report = silent) -> list[Prediction]:
    """The pointmaps and confidences of every edge, in the order of the edges, on the CPU in float32.

    Photos without an edge are not looked at.
    """
    used = sorted({index for edge in edges for index in edge})
    encoded = dict(zip(used, encode(network, [views[index] for index in used], report), strict=True))
    predictions = {prediction.edge: prediction for prediction in decode(network, encoded, edges, report)}
    return [predictions[edge] for edge in edges]


@torch.inference_mode()
def encode(network: DUSt3R, views: Sequence[View], report: Report = silent) -> list[Encoded]:
    """What the encoder says of every view, in their order, each alone: tokens (1, N, C) on the CPU.

    Runs on the device that the network is on; the tokens have its precision.
    """
    weight, encoded = network.decoder_embed.weight, []
    for view in views:
        report(ENCODING, len(encoded), len(views))
        one = network.encode(view.image[None].to(weight.device))
        encoded.append(Encoded(one.tokens.to("cpu", weight.dtype), one.shape))
    report(ENCODING, len(views), len(views))
    return encoded


def decode(
    network: DUSt3R,
    encoded: Sequence[Encoded] | Mapping[int, Encoded],
    edges: Sequence[Edge],
    report: Report = silent,
) -> Iterator[Prediction]:
    """The predictions of the edges as they come, each once, on the CPU in float32; not in the order of the edges.

    encoded: by photo number, as `encode` gives them; those without an edge are not looked at. Edges whose photos have
    equal shapes share a batch; the batches depend on the shapes alone, so that the same photos give the same result.
    Runs on the device that the network is on.
    """
    device, done = network.decoder_embed.weight.device, 0
    for batch in _batches(encoded, edges, BATCH_PIXELS[device.type]):
        report(PREDICTING, done, len(edges))
        yield from _decode(network, encoded, batch, device)
        done += len(batch)
    report(PREDICTING, done, len(edges))


def _batches(
    encoded: Sequence[Encoded] | Mapping[int, Encoded], edges: Sequence[Edge], pixels: int
) -> Iterator[list[Edge]]:
    groups: dict[tuple[tuple[int, int], tuple[int, int]], list[Edge]] = defaultdict(list)
    for edge in edges:
        groups[encoded[edge.i].shape, encoded[edge.j].shape].append(edge)
    for ((height_i, width_i), (height_j, width_j)), group in groups.items():
        size = max(1, pixels // (height_i * width_i + height_j * width_j))
        for start in range(0, len(group), size):
            yield group[start : start + size]


@torch.inference_mode()
def _decode(
    network: DUSt3R, encoded: Sequence[Encoded] | Mapping[int, Encoded], edges: list[Edge], device: torch.device
) -> list[Prediction]:
    """One batch of edges whose photos have equal shapes."""
    output = network.decode(*(_stack([encoded[edge[side]] for edge in edges], device) for side in (0, 1)))
    fields = (output.points_i, output.points_j, output.confidence_i, output.confidence_j)
    return [
        Prediction(edge, *tensors)
        for edge, *tensors in zip(edges, *(field.float().cpu() for field in fields), strict=True)
    ]


def _stack(encoded: list[Encoded], device: torch.device) -> Encoded:
    return Encoded(torch.cat([one.tokens for one in encoded]).to(device), encoded[0].shape)
