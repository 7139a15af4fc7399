"""One photo's depth by comparing it with its neighbours, from coarse to fine."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, pad

from ..progress import Check
from .aggregation import aggregate
from .frames import Level
from .settings import SweepSettings
from .sweep import Reference

Bounds = tuple[float, float]  # least and largest inverse depth


@dataclass(frozen=True, slots=True, eq=False)
class _Hypotheses:
    """Inverse depths to compare; the sums are formed when needed, since all together are as large as their costs."""

    surface: Tensor  # (h, w), inverse depth; (1, 1) where it is the same everywhere
    offsets: Tensor  # (D,), evenly spaced inverse depths that are added to it
    bounds: Bounds  # of the inverse depths, twice as far out

    def at(self, offsets: Tensor) -> Tensor:
        """Inverse depths at these offsets, (D, 1, 1) or (h, w)."""
        return (self.surface + offsets).clamp_(self.bounds[0] / 2, self.bounds[1] * 2)


def search_planes(
    level: Level, others: Sequence[Level], bounds: Bounds, settings: SweepSettings, check: Check
) -> Tensor:
    """(h, w): the inverse depth of the coarsest level, on planes of equal depth between these inverse depths."""
    reference = Reference(level, others, settings)
    return _searched(reference, level.grey, _planes(reference, bounds, settings, check), settings, check)[0]


def refine_depth(
    level: Level,
    others: Sequence[Level],
    coarse: Tensor,
    bounds: Bounds,
    settings: SweepSettings,
    check: Check,
) -> Tensor:
    """(h, w): the inverse depth around that of the next coarser level.

    Shifted copies of its surface are compared, so that cost does not grow with the number of depths and windows are
    slanted as the surface is; the same around the nearest and the farthest depth close by, which tells apart what a
    coarse window mixes at an object's rim.
    """
    reference = Reference(level, others, settings)
    found, least = coarse, None
    for base, reach in _surfaces(coarse, settings):
        check()
        hypotheses = _around(reference, _enlarged(base, level.shape), reach, bounds, settings, check)
        inverse, cost = _searched(reference, level.grey, hypotheses, settings, check)
        if least is None:
            found, least = inverse, cost - settings.keep
        else:
            found, least = torch.where(cost < least, inverse, found), torch.minimum(cost, least)
    return found


def _surfaces(coarse: Tensor, settings: SweepSettings) -> list[tuple[Tensor, int]]:
    """Inverse depths (h, w) to look around, and how far: those found, and the nearest and farthest close by."""
    side, rim = 2 * settings.spread + 1, settings.spread
    near, far = (max_pool2d(sign * coarse[None, None], side, 1, rim)[0, 0] * sign for sign in (1, -1))
    return [(coarse, settings.reach), (near, settings.reach_aside), (far, settings.reach_aside)]


def _searched(
    reference: Reference, grey: Tensor, hypotheses: _Hypotheses, settings: SweepSettings, check: Check
) -> tuple[Tensor, Tensor]:
    """(h, w): the best of the hypotheses, and its aggregated cost."""
    total = aggregate(_swept(reference, hypotheses, settings, check), grey, settings, check)
    check()
    least = total.amin(0)
    check()
    return _least(total, hypotheses, check), least


def _planes(reference: Reference, bounds: Bounds, settings: SweepSettings, check: Check) -> _Hypotheses:
    """Planes of equal depth, `first_step` pixels apart."""
    low, high = bounds
    middle = torch.full(reference.grey.shape, (low + high) / 2, device=reference.grey.device)
    wanted = (high - low) * reference.pixels_per_inverse(middle, check) / settings.first_step
    count = max(8, min(settings.most_planes, round(wanted) + 1))
    offsets = torch.linspace(low, high, count, device=reference.grey.device)
    return _Hypotheses(torch.zeros_like(middle[:1, :1]), offsets, bounds)


def _around(
    reference: Reference, inverse: Tensor, reach: int, bounds: Bounds, settings: SweepSettings, check: Check
) -> _Hypotheses:
    """Shifted copies of a surface (h, w) on both sides of it, `step` pixels apart."""
    rate = reference.pixels_per_inverse(inverse, check)
    step = settings.step / rate if rate else 0.0
    return _Hypotheses(inverse, torch.arange(-reach, reach + 1, device=inverse.device) * step, bounds)


def _swept(reference: Reference, hypotheses: _Hypotheses, settings: SweepSettings, check: Check) -> Tensor:
    """(D, h, w): the costs, a few hypotheses at a time."""
    at_once = max(1, settings.chunk // reference.grey.numel())
    costs = reference.grey.new_empty(len(hypotheses.offsets), *reference.grey.shape)
    for offsets, place in zip(hypotheses.offsets.split(at_once), costs.split(at_once), strict=True):
        place.copy_(reference.costs(hypotheses.at(offsets[:, None, None]), check))
    return costs


def _least(total: Tensor, hypotheses: _Hypotheses, check: Check) -> Tensor:
    """(h, w): the hypothesis of least cost, between hypotheses by a parabola through three costs."""
    middle = total.argmin(0).clamp(1, len(total) - 2)
    check()
    before, at, after = (total.gather(0, (middle + step)[None])[0] for step in (-1, 0, 1))
    bend = (before + after - 2 * at).clamp_min(1e-6)
    shift = ((before - after) / (2 * bend)).clamp(-0.5, 0.5)
    check()
    nearest, chosen, farthest = (hypotheses.at(hypotheses.offsets[middle + step]) for step in (1, 0, -1))
    return chosen + shift * ((nearest - farthest) / 2)


def _enlarged(inverse: Tensor, shape: torch.Size) -> Tensor:
    """(H, W) at twice the resolution, give or take an odd row or column at the end."""
    doubled = interpolate(inverse[None, None], scale_factor=2, mode="bilinear", align_corners=False)
    return pad(doubled, (0, shape[1] - doubled.shape[3], 0, shape[0] - doubled.shape[2]), mode="replicate")[0, 0]
