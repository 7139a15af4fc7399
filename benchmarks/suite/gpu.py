"""A complete graph on a GPU: milliseconds an ordered pair, beside what its multiplications alone would take."""

import time
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from ...core.inference.forward import predict
from ...core.networks.dust3r.config import ModelConfig
from ...core.networks.dust3r.dust3r import DUSt3R
from ...core.networks.precision import for_inference
from ...core.scene_graph.edges import make_edges
from .inference import noise_view, seeded_network

REPEATS = 3  # the best counts


@dataclass(frozen=True, slots=True)
class Graph:
    """A complete graph, predicted."""

    photos: int
    milliseconds: float  # an ordered pair, copies to and from the device included
    gigaflops: float  # an ordered pair
    peak_gb: float  # of the device's memory

    def roofline(self, teraflops: float) -> float:
        """Milliseconds an ordered pair if nothing but multiplications took time. teraflops: a second."""
        return self.gigaflops / teraflops


def complete_graph(
    config: ModelConfig, size: tuple[int, int], photos: int, device: torch.device, precision: torch.dtype, fuse: bool
) -> Graph:
    """Every photo encoded once, every ordered pair decoded. fuse: let torch.compile fuse what it can."""
    with device:  # random weights of half a billion parameters take seconds on a CPU
        network = seeded_network(config)
    network = for_inference(network, device, precision)
    if fuse:
        network.encode, network.decode = torch.compile(network.encode), torch.compile(network.decode)
    views, edges = [noise_view(number, size) for number in range(photos)], make_edges(photos)
    predict(network, views, edges)  # compiles, picks kernels, fills pools
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        predict(network, views, edges)  # its results are on the CPU: nothing is left to wait for
        seconds.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0
    return Graph(photos, min(seconds) / len(edges) * 1e3, gigaflops_per_pair(config, size, photos), peak)


@torch.no_grad()
def gigaflops_per_pair(config: ModelConfig, size: tuple[int, int], photos: int) -> float:
    """An ordered pair's part of a complete graph, each photo encoded once; a multiplication and an addition are two."""
    with torch.device("meta"):
        network, image = DUSt3R(config), torch.empty(1, 3, size[1], size[0])
        with FlopCounterMode(display=False) as encoding:
            encoded = network.encode(image)
        with FlopCounterMode(display=False) as decoding:
            network.decode(encoded, encoded)
    return (encoding.get_total_flops() / (photos - 1) + decoding.get_total_flops()) / 1e9
