"""From scenes to what a step of training needs: pictures in changed colours, pairs, and the truth about them."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from .batch import SceneBatch
from .losses import PairPoints

GREY = (0.299, 0.587, 0.114)  # luma of R, G, B


def to_device(batch: SceneBatch, device: torch.device) -> SceneBatch:
    """The same batch with its tensors on a device."""
    return batch.mapped(lambda tensor: tensor.to(device, non_blocking=True))


def random_numbers(seed: int, number: int, repetition: int = 0) -> torch.Generator:
    """The chance of batch `number` when it comes again so often: the same on every device, worker, after any resume."""
    # torch's generator takes the lowest 32 bits; the last factor is odd and close to the golden section of 2^32.
    return torch.Generator().manual_seed((seed * 1_000_003 + number + repetition * 2_654_435_761) % 2**63)


def photos(batch: SceneBatch, jitter: float, chance: torch.Generator) -> Tensor:
    """All views as the network sees them, (S * V, 3, H, W) in [-1, 1], each in slightly changed colours.

    jitter: most change of brightness, contrast and saturation, as a share; white balance changes by a third of it.
    """
    images = batch.images.flatten(0, 1).float() / 255
    if jitter > 0:
        images = _jittered(images, jitter, chance)
    return images * 2 - 1


def _jittered(images: Tensor, jitter: float, chance: torch.Generator) -> Tensor:
    draw = torch.rand(len(images), 6, 1, 1, generator=chance) * 2 - 1
    draw = draw.to(images.device, non_blocking=True)  # else every update would wait for the one before
    brightness, contrast, saturation = (1 + jitter * draw[:, k : k + 1] for k in range(3))
    white = 1 + jitter / 3 * draw[:, 3:]
    grey = _grey(images.device)
    images = images * brightness * white
    mean = (images * grey).sum(dim=1, keepdim=True).mean(dim=(2, 3), keepdim=True)
    images = mean + contrast * (images - mean)
    luma = (images * grey).sum(dim=1, keepdim=True)
    return (luma + saturation * (images - luma)).clamp(0, 1)


@cache
def _grey(device: torch.device) -> Tensor:
    return torch.tensor(GREY, device=device).view(3, 1, 1)


@dataclass(frozen=True, slots=True)
class PairIndex:
    """Which of a batch's S * V views each of its B pairs joins."""

    first: Tensor  # (B,), int64
    second: Tensor  # (B,)


def pair_index(batch: SceneBatch, both_orders: bool) -> PairIndex:
    """All pairs of a batch; both_orders: each also the other way round, B = 2 * S * P."""
    scenes, views = batch.images.shape[:2]
    start = torch.arange(scenes, device=batch.pairs.device)[:, None, None] * views
    pairs = (batch.pairs + start).flatten(0, 1)
    if both_orders:
        pairs = torch.cat([pairs, pairs.flip(1)])
    return PairIndex(pairs[:, 0], pairs[:, 1])


def truth_of(batch: SceneBatch, index: PairIndex) -> PairPoints:
    """The true points of both views of each pair, brought into the first view's camera frame."""
    points, valid = batch.points.flatten(0, 1).flatten(1, 2), batch.valid.flatten(0, 1).flatten(1)
    cam2world = batch.cam2world.flatten(0, 1)[index.first]
    world = torch.cat([points[index.first], points[index.second]], dim=1)
    valid = torch.cat([valid[index.first], valid[index.second]], dim=1)
    world = torch.where(valid[..., None], world, 0.0)
    x, y, z = (world - cam2world[:, None, :3, 3]).split(1, dim=-1)
    row_x, row_y, row_z = cam2world[:, None, :3, :3].unbind(dim=2)
    seen = x * row_x + y * row_y + z * row_z  # R^T (X - t), not as a matrix product: TF32 would round the truth
    return PairPoints(torch.where(valid[..., None], seen, 0.0), valid)
