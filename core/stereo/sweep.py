"""How alike a photo and its neighbours are if its pixels lie at given depths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ..progress import Check
from .frames import Level
from .settings import SweepSettings

LEAST_DEPTH = 1e-6  # of a pixel in the neighbour's frame, relative to the reference's
STEEP = 1e4  # how fast sight ends at the photo's rim, per half of its side


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A neighbour as the reference photo's pixels are projected into it.

    A pixel at inverse depth w appears at g = (turned + w moved), divided by its third row: g in [-1, 1] on the photo.
    turned = columns + rows: formed when needed, since those of all neighbours are larger than their photos.
    """

    grey: Tensor  # (1, 1, h', w'), brightness
    columns: Tensor  # (3, w)
    rows: Tensor  # (3, h, 1)
    moved: tuple[float, float, float]

    @classmethod
    def of(cls, level: Level, other: Level) -> "Source":
        """Of one level of the reference and of the neighbour."""
        (height, width), (other_height, other_width) = level.shape, other.shape
        relative = other.world2cam @ np.linalg.inv(level.world2cam)
        to_unit = np.array([[2 / other_width, 0, -1], [0, 2 / other_height, -1], [0, 0, 1]]) @ other.K
        homography = to_unit @ relative[:3, :3] @ np.linalg.inv(level.K)
        x, y = (torch.arange(n, device=level.grey.device, dtype=torch.float32) + 0.5 for n in (width, height))
        columns = torch.stack([float(a) * x for a, _, _ in homography])
        rows = torch.stack([(float(b) * y + float(c))[:, None] for _, b, c in homography])
        ahead, across, down = (float(value) for value in np.roll(to_unit @ relative[:3, 3], 1))
        return cls(other.grey[None, None], columns, rows, (across, down, ahead))

    def places(self, inverse: Tensor) -> tuple[Tensor, Tensor]:
        """Places g (D, h, w, 2) of pixels at inverse depths (D, h, w) or (D, 1, 1); and (D, h, w): 1 in sight, else 0.

        Arithmetic instead of comparisons: masks take ten times as long on a CPU.
        """
        scale = self._nearer(inverse).reciprocal_()
        x, y = (self._shown(inverse, axis).mul_(scale) for axis in (0, 1))
        inside = torch.maximum(x.abs(), y.abs()).neg_().add_(1).mul_(STEEP).clamp_(0, 1)
        return _joined(x, y), inside

    def expected(self, inverse: Tensor) -> Tensor:
        """(D, h, w): inverse depths in the neighbour's frame of pixels at inverse depths (D, h, w)."""
        return inverse / self._nearer(inverse)

    def _nearer(self, inverse: Tensor) -> Tensor:
        """(D, h, w): the depth in the neighbour's frame over that in the reference's."""
        return self._shown(inverse, 2).clamp_min_(LEAST_DEPTH)

    def _shown(self, inverse: Tensor, axis: int) -> Tensor:
        """(D, h, w): one row of turned + w moved."""
        return self.columns[axis] + self.rows[axis] + inverse * self.moved[axis]


class Reference:
    """The photo whose depth is looked for, at one level, and its neighbours."""

    def __init__(self, level: Level, others: Sequence[Level], settings: SweepSettings) -> None:
        self.sources = [Source.of(level, other) for other in others]
        self.settings = settings
        self.grey = level.grey
        self.mean = box_mean(self.grey, settings.radius)
        self.variance = self._variance(self.grey, self.mean)

    def costs(self, inverse: Tensor, check: Check) -> Tensor:
        """(D, h, w): 1 - ZNCC, mean over the `best` most alike neighbours, at inverse depths (D, h, w) or (D, 1, 1).

        The windows follow the depths given, slanted where these are. Out of a neighbour's sight the cost is 1.
        Raises whatever `check` raises.
        """
        least: list[Tensor] = []  # the best so far, in order
        for source in self.sources:
            cost = self._cost(source, inverse)
            for rank, other in enumerate(least):
                least[rank], cost = torch.minimum(other, cost), torch.maximum(other, cost)
            least = [*least, cost][: self.settings.best]
            check()
        return torch.stack(least).mean(0) if len(least) > 1 else least[0]

    def _cost(self, source: Source, inverse: Tensor) -> Tensor:
        places, inside = source.places(inverse)
        flat = places.reshape(1, -1, places.shape[2], 2)
        seen = grid_sample(source.grey, flat, padding_mode="border", align_corners=False).reshape(inside.shape)
        mean = box_mean(seen, self.settings.radius)
        joint = box_mean(seen * self.grey, self.settings.radius).sub_(mean * self.mean)
        zncc = joint.mul_((self.variance * self._variance(seen, mean)).rsqrt_()).mul_(inside)
        return zncc.neg_().add_(1)

    def _variance(self, image: Tensor, mean: Tensor) -> Tensor:
        """Of every pixel's window, the camera's noise added: without texture nothing is alike."""
        spread = box_mean(image * image, self.settings.radius).sub_(mean * mean)
        return spread.clamp_min_(0).add_(self.settings.noise**2)

    def pixels_per_inverse(self, inverse: Tensor, check: Check) -> float:
        """Pixels moved in a neighbour per unit of inverse depth, around (h, w): median of pixels and neighbours."""
        rates = []
        for source in self.sources:
            height, width = source.grey.shape[2:]
            (before, sees), (after, still) = (source.places((inverse * factor)[None]) for factor in (0.999, 1.001))
            off = torch.hypot(*((after - before)[..., axis] * side / 2 for axis, side in ((0, width), (1, height))))
            usable = (off / (0.002 * inverse))[(sees * still) > 0]
            if len(usable):
                rates.append(float(usable.median()))
            check()
        return sorted(rates)[len(rates) // 2] if rates else 0.0


def box_mean(image: Tensor, radius: int) -> Tensor:
    """Mean over the window around every pixel of (..., h, w); beyond the rim its pixels are repeated.

    Shifted sums: about a fourth of the time of avg_pool2d on a CPU.
    """
    return _line_mean(_line_mean(image, radius, -2), radius, -1)


def _line_mean(image: Tensor, radius: int, axis: int) -> Tensor:
    count, rim = image.shape[axis], list(image.shape)
    rim[axis] = radius
    first, last = (image.narrow(axis, end, 1).expand(rim) for end in (0, count - 1))
    padded = torch.cat([first, image, last], axis)
    total = padded.narrow(axis, 0, count) + padded.narrow(axis, 1, count)
    for shift in range(2, 2 * radius + 1):
        total += padded.narrow(axis, shift, count)
    return total.div_(2 * radius + 1)


def _joined(x: Tensor, y: Tensor) -> Tensor:
    """(..., 2); faster than `stack`."""
    joined = torch.empty((*x.shape, 2), dtype=x.dtype, device=x.device)
    joined[..., 0], joined[..., 1] = x, y
    return joined
