"""The ways to predict pairs, each in a process of its own, taking turns: CPU-seconds, peak memory, difference."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.images.pixel_mapping import PixelMapping
from ...core.images.preprocessing import View
from ...core.inference.forward import decode, encode
from ...core.networks.dust3r.config import ModelConfig
from ...core.networks.dust3r.dust3r import DUSt3R, Encoded
from ...core.networks.precision import for_inference
from ...core.runtime.memory import keep_freed_memory, peak_memory
from ...core.scene_graph.edges import Edge
from ..baseline.pairwise import predict_pair

CPU = torch.device("cpu")
SEED = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One look at one way."""

    encoding: float  # CPU-seconds a photo; 0 where encoding is a part of the pair
    pair: float  # CPU-seconds an ordered pair
    peak_mb: float  # of the process so far
    points: NDArray[np.float32]  # (H, W, 3), of the pair's first photo

    def per_pair(self, photos: int) -> float:
        """CPU-seconds an ordered pair of the complete graph of so many photos."""
        return self.pair + self.encoding / (photos - 1)


def seeded_network(config: ModelConfig) -> DUSt3R:
    """A network with the same random weights every time."""
    torch.manual_seed(SEED)
    return DUSt3R(config)


def noise_view(number: int, size: tuple[int, int]) -> View:
    """A photo of smooth noise, the same for the same number. size: (width, height)."""
    width, height = size
    coarse = torch.rand(1, 3, height // 16, width // 16, generator=torch.Generator().manual_seed(number))
    image = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")[0].clamp(0, 1) * 2 - 1
    mask = np.ones((height, width), dtype=bool)
    return View(f"{number}", Path(f"{number}"), image, mask, PixelMapping(size, size))


class Way:
    """One way to predict, in a process of its own. name: baseline, float32 or bfloat16."""

    def __init__(self, name: str, config: ModelConfig, size: tuple[int, int], threads: int) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _begin, (name, config, size, threads))

    def turn(self) -> Turn:
        """Encode a photo and predict a pair."""
        return self._pool.submit(_turn).result()

    def end(self) -> None:
        self._pool.shutdown()


_state: dict[str, Callable[[], Turn]] = {}  # of the process of one way


def _begin(name: str, config: ModelConfig, size: tuple[int, int], threads: int) -> None:
    torch.set_num_threads(threads)
    network, views = seeded_network(config), [noise_view(number, size) for number in (0, 1)]
    if name == "baseline":
        network.requires_grad_(False).eval()
        _state["turn"] = lambda: _baseline_turn(network, views)
    else:
        keep_freed_memory()  # as a worker does
        for_inference(network, CPU, getattr(torch, name))
        (other,) = encode(network, views[1:])
        _state["turn"] = lambda: _our_turn(network, views[0], other)


def _turn() -> Turn:
    return _state["turn"]()


def _baseline_turn(network: DUSt3R, views: list[View]) -> Turn:
    start = time.process_time()
    output = predict_pair(network, views[0].image, views[1].image)
    return Turn(0.0, time.process_time() - start, _peak_mb(), output.points_i[0].numpy())


def _our_turn(network: DUSt3R, view: View, other: Encoded) -> Turn:
    start = time.process_time()
    (encoded,) = encode(network, [view])
    middle = time.process_time()
    (prediction,) = decode(network, [encoded, other], [Edge(0, 1)])
    return Turn(middle - start, time.process_time() - middle, _peak_mb(), prediction.points_i.numpy())


def _peak_mb() -> float:
    return (peak_memory() or 0) / 1e6
