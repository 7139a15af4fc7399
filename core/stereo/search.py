"""One photo's depth by comparing it with its neighbours, from coarse to fine."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, pad

from .aggregation import aggregate
from .frames import Level
from .settings import SweepSettings
from .sweep import Reference

Check = Callable[[], None]  # called often by long work; raises to stop it
Bounds = tuple[float, float]  # least and largest inverse depth


def search_planes(
    level: Level, others: Sequence[Level], bounds: Bounds, settings: SweepSettings, check: Check
) -> Tensor:
    """(h, w): the inverse depth of the coarsest level, on planes of equal depth between these inverse depths."""
    reference = Reference(level, others, settings)
    return _searched(reference, level.grey, _planes(reference, bounds, settings), settings, check)[0]


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
        hypotheses = _around(reference, _enlarged(base, level.shape), reach, bounds, settings)
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
    reference: Reference, grey: Tensor, hypotheses: Tensor, settings: SweepSettings, check: Check
) -> tuple[Tensor, Tensor]:
    """(h, w): the best of the hypotheses, and its aggregated cost."""
    total = aggregate(_swept(reference, hypotheses, settings, check), grey, settings, check)
    return _least(total, hypotheses), total.amin(0)


def _planes(reference: Reference, bounds: Bounds, settings: SweepSettings) -> Tensor:
    """(D, 1, 1): evenly spaced inverse depths, `first_step` pixels apart."""
    low, high = bounds
    middle = torch.full(reference.grey.shape, (low + high) / 2, device=reference.grey.device)
    wanted = (high - low) * reference.pixels_per_inverse(middle) / settings.first_step
    count = max(8, min(settings.most_planes, round(wanted) + 1))
    return torch.linspace(low, high, count, device=reference.grey.device)[:, None, None]


def _around(reference: Reference, inverse: Tensor, reach: int, bounds: Bounds, settings: SweepSettings) -> Tensor:
    """(D, h, w): evenly spaced inverse depths around those of a surface, `step` pixels apart."""
    rate = reference.pixels_per_inverse(inverse)
    step = settings.step / rate if rate else 0.0
    offsets = torch.arange(-reach, reach + 1, device=inverse.device) * step
    return (inverse + offsets[:, None, None]).clamp(bounds[0] / 2, bounds[1] * 2)


def _swept(reference: Reference, hypotheses: Tensor, settings: SweepSettings, check: Check) -> Tensor:
    """(D, h, w): the costs, a few hypotheses at a time."""
    at_once = max(1, settings.chunk // reference.grey.numel())
    parts = []
    for part in hypotheses.split(at_once):
        parts.append(reference.costs(part))
        check()
    return torch.cat(parts)


def _least(total: Tensor, hypotheses: Tensor) -> Tensor:
    """(h, w): the hypothesis of least cost, between hypotheses by a parabola through three costs."""
    middle = total.argmin(0).clamp(1, len(total) - 2)
    before, at, after = (total.gather(0, (middle + step)[None])[0] for step in (-1, 0, 1))
    bend = (before + after - 2 * at).clamp_min(1e-6)
    shift = ((before - after) / (2 * bend)).clamp(-0.5, 0.5)
    chosen, step = _at(hypotheses, middle), (_at(hypotheses, middle + 1) - _at(hypotheses, middle - 1)) / 2
    return chosen + shift * step


def _at(hypotheses: Tensor, index: Tensor) -> Tensor:
    return hypotheses.expand(-1, *index.shape).gather(0, index[None])[0]


def _enlarged(inverse: Tensor, shape: torch.Size) -> Tensor:
    """(H, W) at twice the resolution, give or take an odd row or column at the end."""
    doubled = interpolate(inverse[None, None], scale_factor=2, mode="bilinear", align_corners=False)
    return pad(doubled, (0, shape[1] - doubled.shape[3], 0, shape[0] - doubled.shape[2]), mode="replicate")[0, 0]
