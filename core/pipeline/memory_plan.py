"""What a reconstruction will need: memory at each stage, and how it is made to fit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Literal, Self

import torch

from ..alignment.observations import FEWEST_PIXELS, PIXELS_PER_PHOTO, TOTAL_PIXELS
from ..errors import InputError
from ..images.pixel_mapping import PixelMapping
from ..inference.forward import ENCODING, PREDICTING, batch_size, usual_batch_pixels
from ..inference.prediction import RECORD
from ..inference.prediction_store import DENSE_SIDES
from ..inference.predictor import PHOTOS
from ..networks.configs import NetworkConfig
from ..networks.dust3r.config import ModelConfig
from ..networks.network import make_network
from ..scene_graph.edges import Edge
from ..scene_graph.shard import EDGES

Storage = Literal["memory", "disk"]
STORAGES: tuple[Storage, ...] = ("memory", "disk")

READING, ALIGNING = "Reading photos", "Aligning"
FLOAT = 4  # bytes
LIBRARIES = {"cpu": 300e6, "mps": 600e6, "cuda": 1800e6}  # bytes of a process with torch at work and nothing else
KERNELS, SOLVERS = 18e6, 45e6  # bytes of libraries that the first products, and the alignment, add
VIEW = 13  # bytes a network pixel: image and mask
SIDE = 4 * FLOAT  # bytes a pixel of a dense side: point and confidence
RESULT = 24  # bytes a network pixel: depth and confidence, their sums, colours, what is kept of them
READ = 8  # bytes a pixel of the photo that is being read
OBSERVED = 96  # bytes a sampled pixel of an edge's side while cameras are solved
LAYERS = 24  # widths of a token that an encoder block has at hand
POINTS = 60  # bytes a network pixel from raw outputs to points
ROOM = 0.9  # of the memory there is: the rest is for what others start meanwhile


@dataclass(frozen=True, slots=True)
class Scene:
    """What the need of memory follows from."""

    photo_pixels: int  # of the largest photo file
    areas: tuple[int, ...]  # network pixels of each photo
    largest_pair: tuple[int, ...]  # (Hi, Wi, Hj, Wj)
    sides: tuple[int, ...]  # of each photo: how many edges it is in
    edges: int

    @classmethod
    def of(cls, mappings: Sequence[PixelMapping], edges: Sequence[Edge]) -> Self:
        areas = tuple(width * height for width, height in (mapping.view_size for mapping in mappings))
        degree = Counter(photo for edge in edges for photo in edge)
        width, height = mappings[areas.index(max(areas))].view_size
        photo = max(mapping.photo_size[0] * mapping.photo_size[1] for mapping in mappings)
        return cls(photo, areas, (height, width) * 2, tuple(degree[k] for k in range(len(areas))), len(edges))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a reconstruction is made to fit the memory, and what it is expected to need."""

    photos: int
    edges: int
    storage: Storage  # where tokens and dense predictions lie
    batch_pixels: int  # network pixels of a batch, for `encode` and `decode`
    peaks: dict[str, int]  # stage -> most bytes that the process holds in it
    device_peak: int  # most bytes on the GPU; 0 where the CPU computes
    together: int = 0  # photos that the network sees at once, at most; 0: pairs

    @property
    def peak(self) -> int:
        """Most bytes that the process ever holds."""
        return max(self.peaks.values())

    def __str__(self) -> str:
        stages = ", ".join(f"{stage} {_gigabytes(peak)}" for stage, peak in self.peaks.items())
        gpu = f", GPU {_gigabytes(self.device_peak)}" if self.device_peak else ""
        kept = "in memory" if self.storage == "memory" else "on disk"
        what = f"seen {self.together} at a time" if self.together else f"{self.edges} ordered pairs kept {kept}"
        return f"{self.photos} photos, {what}: {stages}{gpu}"


def plan(
    mappings: Sequence[PixelMapping],
    edges: Sequence[Edge],
    config: ModelConfig,
    device: torch.device,
    precision: torch.dtype,
    memory: int | None,
    device_memory: int | None = None,
    storages: Sequence[Storage] = STORAGES,
) -> Plan:
    """The quickest way to reconstruct that fits: in memory before on disk, a GPU's batches as usual before smaller.

    mappings: one per photo. memory: bytes that the process may hold altogether, device_memory: bytes on the GPU; None
    where unknown, and then all is well. storages: those to choose from. Raises InputError, with what is needed and
    what would fit, where nothing does.
    """
    scene, needs = Scene.of(mappings, edges), Needs(config, device.type, precision.itemsize)
    pixels = usual_batch_pixels(device, precision)
    while too_large(needs.device(scene, pixels), device_memory) and batch_size(scene.largest_pair, pixels) > 1:
        pixels //= 2
    plans = [needs.plan(scene, storage, pixels) for storage in storages]
    if too_large(plans[-1].device_peak, device_memory):
        raise no_room(plans[-1].device_peak, device_memory or 0, "of the GPU's memory", "choose the CPU as device")
    for found in plans:
        if not too_large(found.peak, memory):
            return found
    raise no_room(plans[-1].peak, memory or 0, "of memory", needs.advice(scene, plans[-1], memory or 0))


@dataclass(frozen=True, slots=True)
class Needs:
    """What a network on a device needs, in bytes."""

    config: ModelConfig
    kind: str  # of device
    size: int  # bytes of a number of its products

    def plan(self, scene: Scene, storage: Storage, pixels: int) -> Plan:
        """The plan that keeps results in `storage` and predicts batches of so many pixels."""
        peaks = {stage: int(need) for stage, need in self._stages(scene, storage, pixels).items()}
        on_device = 0 if self.kind == "cpu" else int(self.device(scene, pixels))
        return Plan(len(scene.areas), scene.edges, storage, pixels, peaks, on_device)

    def device(self, scene: Scene, pixels: int) -> float:
        """On the device while it predicts."""
        return (
            self._weights()
            + self._tokens(scene, min(2 * EDGES, len(scene.areas)), self.size)
            + self._batch(scene, pixels)
        )

    def advice(self, scene: Scene, tight: Plan, memory: int) -> str:
        """What would fit instead."""
        fixed = self.plan(replace(scene, areas=scene.areas[:1], sides=scene.sides[:1], edges=1), "disk", 1).peak
        share = (ROOM * memory - fixed) / max(tight.peak - fixed, 1)
        fewer = int(share * len(scene.areas))
        return "use a smaller model" if fewer < 2 else f"use at most {fewer} photos at a time, or a smaller model"

    def _stages(self, scene: Scene, storage: Storage, pixels: int) -> dict[str, float]:
        """What is freed stays with the process, so that no stage holds less than the one before."""
        count, largest = len(scene.areas), max(scene.areas)
        dense, tokens = self._dense(scene), self._tokens(scene, count, FLOAT)
        if storage == "disk":  # only what is at work
            dense, tokens = SIDE * DENSE_SIDES * largest, self._tokens(scene, min(2 * EDGES, count), FLOAT)
        here = LIBRARIES[self.kind] + (self._weights() if self.kind != "cuda" else 0) + VIEW * sum(scene.areas)
        work = self._batch(scene, pixels) if self.kind == "cpu" else 0.0
        chunk = 2 * SIDE * largest * min(EDGES + batch_size(scene.largest_pair, pixels), scene.edges)
        kept = here + KERNELS + tokens + dense + RECORD.itemsize * scene.edges
        observed = 2 * scene.edges * min(max(TOTAL_PIXELS // (2 * scene.edges), FEWEST_PIXELS), PIXELS_PER_PHOTO)
        needs = {
            READING: here + READ * scene.photo_pixels,
            ENCODING: here + KERNELS + tokens + self._tokens(scene, LAYERS + min(PHOTOS, count), FLOAT),
            PREDICTING: kept + chunk + work,
            ALIGNING: kept + SOLVERS + RESULT * sum(scene.areas) + OBSERVED * observed,
        }
        return dict(zip(needs, accumulate(needs.values(), max), strict=True))

    def _weights(self) -> float:
        return self.size * parameters(self.config)

    def _tokens(self, scene: Scene, photos: int, size: int) -> float:
        return size * self.config.encoder_width * photos * max(scene.areas) / self.config.patch_size**2

    def _dense(self, scene: Scene) -> float:
        sides = zip(scene.areas, scene.sides, strict=True)
        return sum(SIDE * area * min(count, DENSE_SIDES) for area, count in sides)

    def _batch(self, scene: Scene, pixels: int) -> float:
        """While a batch of pairs is predicted: tokens of all levels, the head's largest maps, the points."""
        config, height, width = self.config, scene.largest_pair[0], scene.largest_pair[1]
        area, pairs = height * width, batch_size(scene.largest_pair, pixels)
        levels = 2 * FLOAT * (config.decoder_depth + 2) * config.decoder_width * area / config.patch_size**2
        maps = area * (self._channels() if config.head == "dpt" else 2 * FLOAT * 4)
        return pairs * (levels + maps + (POINTS + 2 * SIDE) * area)

    def _channels(self) -> float:
        """Bytes a pixel of a DPT head's last maps: the fused one and its half at a quarter of the pixels, the last two
        at all of them, in half precision the last once more in float32.
        """
        features, last = self.config.dpt.features, self.config.dpt.last
        return self.size * (1.5 * features / 4 + features / 2 + last) + (FLOAT * last if self.size < FLOAT else 0)


@cache
def parameters(config: NetworkConfig) -> int:
    """How many numbers a network's weights are."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make_network(config).parameters())


def too_large(need: float, memory: int | None) -> bool:
    """Whether so many bytes leave too little for others; None: nobody knows, and all is well."""
    return memory is not None and need > ROOM * memory


def no_room(need: float, memory: int, kind: str, advice: str) -> InputError:
    """What to tell when a reconstruction does not fit; kind: of which memory; advice: what to do."""
    found = f"{_gigabytes(need)} {kind} and {_gigabytes(ROOM * memory)} can be used"
    return InputError(f"This reconstruction needs about {found}; {advice}")


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
