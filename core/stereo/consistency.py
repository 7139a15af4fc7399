"""Which pixels' depths other photos' depths confirm."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from ..progress import Check
from .frames import Level
from .settings import CameraSettings
from .sweep import Source


def agreeing(
    level: Level, inverse: Tensor, others: Sequence[tuple[Level, Tensor]], tolerance: float, check: Check
) -> tuple[Tensor, Tensor]:
    """(h, w) each, 8 bit: in how many others a pixel's point appears, with a depth within this tolerance, and at all.

    inverse: (h, w), inverse depths of the photo's pixels; others: levels with theirs; tolerance: relative. Depths
    between pixels are interpolated: at an object's rim nothing agrees. Raises whatever `check` raises.
    """
    agreed, framed = (torch.zeros_like(inverse, dtype=torch.uint8) for _ in range(2))
    for other, theirs in others:
        agrees, inside = _agreement(level, inverse, other, theirs, tolerance)
        agreed += agrees
        framed += inside
        check()
    return agreed, framed


def best_agreement(
    level: Level, inverse: Tensor, others: Sequence[tuple[Level, Tensor]], settings: CameraSettings, check: Check
) -> float:
    """The share of the photo's points in another one's sight whose depths agree there, of the other with the largest.

    inverse, others: as for `agreeing`. Raises whatever `check` raises.
    """
    fewest, best = settings.overlap * inverse.numel(), 0.0
    for other, theirs in others:
        agrees, inside = _agreement(level, inverse, other, theirs, settings.agreement)
        best = max(best, float(agrees.sum()) / max(float(inside.sum()), fewest))
        check()
    return best


def _agreement(level: Level, inverse: Tensor, other: Level, theirs: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """(h, w), bool: where a pixel's point has the same depth in the other photo, and where it is in its sight."""
    source = Source.of(level, other)
    places, inside = source.places(inverse[None])
    there = grid_sample(theirs[None, None], places, padding_mode="border", align_corners=False)[0]
    off = (there / source.expected(inverse[None]) - 1).abs_()
    seen = inside > 0
    return ((off <= tolerance) & seen)[0], seen[0]


def confirmed_elsewhere(level: Level, others: Sequence[tuple[Level, Tensor, Tensor]], check: Check) -> Tensor:
    """(h, w): inverse depths of the nearest points that are confirmed in others and appear in a pixel; 0 where none do.

    others: levels, with inverse depths (h', w') and which of them are confirmed. Raises whatever `check` raises.
    """
    (height, width), found = level.shape, torch.zeros(level.shape.numel(), device=level.grey.device)
    for other, theirs, confirmed in others:
        rows, columns = torch.nonzero(confirmed, as_tuple=True)
        inverse = theirs[rows, columns]
        relative = level.world2cam @ np.linalg.inv(other.world2cam)
        turned, moved = level.K @ relative[:3, :3] @ np.linalg.inv(other.K), level.K @ relative[:3, 3]
        x, y, z = (
            float(a) * (columns + 0.5) + float(b) * (rows + 0.5) + (float(c) + float(shift) * inverse)
            for (a, b, c), shift in zip(turned, moved, strict=True)
        )  # of the point, over its depth in the other photo
        column, row = (x / z).floor_(), (y / z).floor_()
        inside = (z > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        at = (row[inside] * width + column[inside]).long()
        found.scatter_reduce_(0, at, (inverse / z)[inside], "amax")
        check()
    return found.reshape(level.shape)


def before_steps(inverse: Tensor, radius: int, step: float) -> Tensor:
    """(h, w), bool: a depth larger by more than this relative step lies within so many pixels.

    Windows that overlap a nearer object take its depth: what lies just before a step may belong behind it.
    """
    farthest = -max_pool2d(-inverse[None, None], 2 * radius + 1, 1, radius)[0, 0]
    return inverse > farthest * (1 + step)
