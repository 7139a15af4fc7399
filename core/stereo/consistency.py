"""Which pixels' depths other photos' depths confirm."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from .frames import Level
from .sweep import Source


def agreeing(level: Level, inverse: Tensor, others: Sequence[tuple[Level, Tensor]], tolerance: float) -> Tensor:
    """(h, w): how many others have, where a pixel's point appears, a depth within this relative tolerance.

    inverse: (h, w), inverse depths of the photo's pixels; others: levels with theirs. Depths between pixels are
    interpolated: at an object's rim nothing agrees.
    """
    count = torch.zeros_like(inverse)
    for other, theirs in others:
        source = Source.of(level, other)
        places, inside = source.places(inverse[None])
        there = grid_sample(theirs[None, None], places, padding_mode="border", align_corners=False)[0]
        off = (there / source.expected(inverse[None]) - 1).abs_()
        count += ((off <= tolerance) & (inside > 0))[0]
    return count


def before_steps(inverse: Tensor, radius: int, step: float) -> Tensor:
    """(h, w), bool: a depth larger by more than this relative step lies within so many pixels.

    Windows that overlap a nearer object take its depth: what lies just before a step may belong behind it.
    """
    farthest = -max_pool2d(-inverse[None, None], 2 * radius + 1, 1, radius)[0, 0]
    return inverse > farthest * (1 + step)
