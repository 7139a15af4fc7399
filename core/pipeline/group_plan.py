"""What a reconstruction will need with a network that sees many photos at once, and how many that may be."""

from collections.abc import Sequence
from itertools import accumulate

import torch

from ..alignment.observations import FEWEST_PIXELS, PIXELS_PER_PHOTO, TOTAL_PIXELS
from ..images.pixel_mapping import PixelMapping
from ..inference.forward import ENCODING, PREDICTING
from ..networks.depth_anything_3.config import DepthAnything3Config
from ..networks.depth_anything_3.depth_anything_3 import HEAD_VIEWS
from ..scene_graph.edges import Edge
from .memory_plan import (
    ALIGNING,
    FLOAT,
    KERNELS,
    LIBRARIES,
    OBSERVED,
    READ,
    READING,
    RESULT,
    SOLVERS,
    VIEW,
    Plan,
    Storage,
    no_room,
    parameters,
    too_large,
)

MOST_TOGETHER = 32  # photos of a group, whatever the memory: the time of blocks across views grows with their square
FEWEST_TOGETHER = 2  # below, photos have nothing in common
TOKEN_WIDTHS = 28  # widths of a token that the backbone holds at once: four taps of two, a block's hidden layers
MAPS = 16  # bytes a network pixel of a group's depths and confidences, and of their way into the store


def plan_groups(
    mappings: Sequence[PixelMapping],
    edges: Sequence[Edge],
    config: DepthAnything3Config,
    device: torch.device,
    precision: torch.dtype,
    memory: int | None,
    device_memory: int | None = None,
    storages: Sequence[Storage] = ("memory", "disk"),
) -> Plan:
    """The largest groups that fit: all photos at once where they do, up to MOST_TOGETHER.

    The arguments are those of `memory_plan.plan`, and so is what is raised where not even two photos fit.
    """
    count = len(mappings)
    for together in range(min(count, MOST_TOGETHER), 0, -1):
        found = _plan(mappings, edges, config, device, precision, together, storages[-1])
        fits = not too_large(found.peak, memory) and not too_large(found.device_peak, device_memory)
        if fits and together >= min(count, FEWEST_TOGETHER):
            return found
    least = _plan(mappings, edges, config, device, precision, min(count, FEWEST_TOGETHER), storages[-1])
    if too_large(least.device_peak, device_memory):
        raise no_room(least.device_peak, device_memory or 0, "of the GPU's memory", "choose the CPU as device")
    raise no_room(least.peak, memory or 0, "of memory", "use fewer photos or a smaller model")


def _plan(
    mappings: Sequence[PixelMapping],
    edges: Sequence[Edge],
    config: DepthAnything3Config,
    device: torch.device,
    precision: torch.dtype,
    together: int,
    storage: Storage,
) -> Plan:
    areas = [mapping.view_size[0] * mapping.view_size[1] for mapping in mappings]
    largest, total = max(areas), sum(areas)
    photo = max(mapping.photo_size[0] * mapping.photo_size[1] for mapping in mappings)
    weights = FLOAT * parameters(config)
    work = _pass(config, largest, together)
    here = LIBRARIES[device.type] + (weights if device.type != "cuda" else 0) + VIEW * total
    on_host = work if device.type == "cpu" else 0.0
    kept = here + KERNELS + MAPS * (largest * together if storage == "disk" else total)
    sampled = max(TOTAL_PIXELS // (2 * len(edges)), FEWEST_PIXELS)
    needs = {
        READING: here + READ * photo,
        ENCODING: kept + (_pass(config, largest, 1) if device.type == "cpu" else 0.0),
        PREDICTING: kept + on_host,
        ALIGNING: kept + SOLVERS + RESULT * total + OBSERVED * 2 * len(edges) * min(sampled, PIXELS_PER_PHOTO),
    }
    peaks = {stage: int(need) for stage, need in zip(needs, accumulate(needs.values(), max), strict=True)}
    on_device = 0 if device.type == "cpu" else int(weights * precision.itemsize / FLOAT + work)
    return Plan(len(mappings), len(edges), storage, 0, peaks, on_device, together)


def _pass(config: DepthAnything3Config, area: int, together: int) -> float:
    """Bytes of one forward pass: the backbone's tokens of all views, the head's largest maps of a few."""
    tokens = area / config.patch_size**2
    backbone = together * tokens * config.width * TOKEN_WIDTHS * FLOAT
    channels = 1.5 * config.features + 2 * config.output_width
    head = min(together, HEAD_VIEWS) * area * channels * FLOAT
    return backbone + head
