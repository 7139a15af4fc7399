"""The network over a scene graph: every photo is encoded once, every edge decoded once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..images.preprocessing import View
from ..networks.depth_anything_3.depth_anything_3 import DepthAnything3
from ..networks.dust3r.dust3r import DUSt3R, Encoded
from ..networks.network import Network
from ..networks.precision import device_of, precision_of
from ..progress import Report, silent
from ..scene_graph.edges import Edge
from .group_prediction import predict_group
from .prediction import Prediction

ENCODING, PREDICTING = "Encoding photos", "Predicting pairs"
STAGES = {ENCODING: 15.0, PREDICTING: 60.0}  # expected parts of the whole time
BATCH_PIXELS = {"cpu": 2**18, "mps": 2**20, "cuda": 2**22}  # of all photos together, per batch

Encodings = Sequence[Encoded] | Mapping[int, Encoded]  # by photo number


def predict(
    network: Network,
    views: Sequence[View],
    edges: Sequence[Edge],
    report: Report = silent,
    batch_pixels: int | None = None,
) -> list[Prediction]:
    """The pointmaps and confidences of every edge, in the order of the edges, on the CPU in float32.

    Photos without an edge are not looked at. batch_pixels: as for `encode` and `decode`. A network that takes many
    photos sees them all at once; then they must have one shape.
    """
    used = sorted({index for edge in edges for index in edge})
    if isinstance(network, DepthAnything3):
        report(PREDICTING, 0, len(edges))
        group = predict_group(network, [views[index] for index in used], used)
        report(PREDICTING, len(edges), len(edges))
        return [group.pair(edge).prediction() for edge in edges]
    found = encode(network, [views[index] for index in used], report, batch_pixels)
    encoded = dict(zip(used, found, strict=True))
    predictions = {one.edge: one for one in decode(network, encoded, edges, report, batch_pixels)}
    return [predictions[edge] for edge in edges]


@torch.inference_mode()
def encode(
    network: Network, views: Sequence[View], report: Report = silent, batch_pixels: int | None = None
) -> list[Encoded]:
    """What the encoder says of every view, in their order, each alone: tokens (1, N, C) on the CPU.

    Runs on the device that the network is on; the tokens have its precision. batch_pixels: network pixels that one
    batch may have (None: as usual); views of equal shape share one.
    """
    device, precision = device_of(network), precision_of(network)
    pixels = batch_pixels or usual_batch_pixels(device, precision)
    encoded, done = {}, 0
    shapes = [(view.image.shape[1], view.image.shape[2]) for view in views]
    for batch in _batches(shapes, pixels):
        report(ENCODING, done, len(views))
        images = _to_device(torch.stack([views[index].image for index in batch]), device)
        tokens = network.encode(images).tokens.to("cpu", precision)
        encoded |= {index: Encoded(one[None], shapes[index]) for index, one in zip(batch, tokens, strict=True)}
        done += len(batch)
    report(ENCODING, done, len(views))
    return [encoded[index] for index in range(len(views))]


def decode(
    network: DUSt3R,
    encoded: Encodings,
    edges: Sequence[Edge],
    report: Report = silent,
    batch_pixels: int | None = None,
) -> Iterator[Prediction]:
    """The predictions of the edges as they come, each once, on the CPU in float32; not in the order of the edges.

    encoded: by photo number, as `encode` gives them; those without an edge are not looked at. Edges whose photos have
    equal shapes share a batch of at most batch_pixels network pixels of both photos (None: as usual). The
    batches depend on the shapes alone, so that the same photos give the same result. Runs on the device that the
    network is on, where a batch is at work while the one before it comes back.
    """
    weight, done = network.decoder_embed.weight, 0
    pixels = batch_pixels or usual_batch_pixels(weight.device, precision_of(network))
    tokens = _tokens_on_device(encoded, edges, weight)
    shapes = [(*encoded[edge.i].shape, *encoded[edge.j].shape) for edge in edges]
    before: _Batch | None = None
    for numbers in _batches(shapes, pixels):
        report(PREDICTING, done, len(edges))
        batch = _begin(network, tokens, [edges[number] for number in numbers])
        if before is not None:
            yield from before.predictions()
        before, done = batch, done + len(numbers)
    if before is not None:
        yield from before.predictions()
    report(PREDICTING, done, len(edges))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Edges at work, and where the device puts what comes of them."""

    edges: list[Edge]
    fields: tuple[Tensor, ...]  # as Prediction names them, each (B, ...), on the CPU
    ready: torch.cuda.Event | None  # before it the fields are not whole

    def predictions(self) -> Iterator[Prediction]:
        """Waits for the device."""
        if self.ready is not None:
            self.ready.synchronize()
        for edge, *tensors in zip(self.edges, *self.fields, strict=True):
            yield Prediction(edge, *tensors)


@torch.inference_mode()
def _begin(network: DUSt3R, tokens: Mapping[int, Encoded], edges: list[Edge]) -> _Batch:
    """Set a batch of edges to work whose photos have equal shapes."""
    output = network.decode(*(_stack([tokens[edge[side]] for edge in edges]) for side in (0, 1)))
    fields = (output.points_i, output.points_j, output.confidence_i, output.confidence_j)
    # To page-locked memory, where there is a GPU: the copy overlaps the next batch.
    fields = tuple(field.float().to("cpu", non_blocking=field.is_cuda) for field in fields)
    ready = torch.cuda.Event() if output.points_i.is_cuda else None
    if ready is not None:
        ready.record()
    return _Batch(edges, fields, ready)


def _tokens_on_device(encoded: Encodings, edges: Sequence[Edge], weight: Tensor) -> dict[int, Encoded]:
    """Each photo's tokens once, whatever the number of its edges."""
    used = sorted({index for edge in edges for index in edge})
    return {
        index: Encoded(_to_device(encoded[index].tokens.to(weight.dtype), weight.device), encoded[index].shape)
        for index in used
    }


def _to_device(values: Tensor, device: torch.device) -> Tensor:
    """On a GPU from page-locked memory, so that nothing waits for the copy."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


def _stack(encoded: list[Encoded]) -> Encoded:
    return Encoded(torch.cat([one.tokens for one in encoded]), encoded[0].shape)


def usual_batch_pixels(device: torch.device, precision: torch.dtype) -> int:
    """Network pixels of a batch where memory is no question.

    A CPU takes one photo or pair at a time in half precision: AMX splits a long sum by the number of its rows, so that
    a pair's bits would depend on its company, and on where a job was interrupted.
    """
    return 1 if device.type == "cpu" and precision != torch.float32 else BATCH_PIXELS[device.type]


def _batches(shapes: Sequence[tuple[int, ...]], pixels: int) -> Iterator[list[int]]:
    """Numbers of items of equal shape (H, W) or (Hi, Wi, Hj, Wj), as many as have at most so many pixels."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, shape in enumerate(shapes):
        groups[shape].append(number)
    for shape, group in groups.items():
        size = batch_size(shape, pixels)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def batch_size(shape: tuple[int, ...], pixels: int) -> int:
    """How many photos of shape (H, W), or pairs of shape (Hi, Wi, Hj, Wj), fit into so many pixels; at least one."""
    areas = zip(shape[::2], shape[1::2], strict=True)
    return max(1, pixels // sum(height * width for height, width in areas))
