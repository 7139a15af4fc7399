"""The network's depth tied to depths that the photos confirm, by a factor that is smooth but for the photo's edges."""

import torch
from torch import Tensor

from ..progress import Check
from .settings import FusionSettings


def tied_field(ratio: Tensor, weight: Tensor, colors: Tensor, settings: FusionSettings, check: Check) -> Tensor:
    """(h, w): the local mean of `ratio`, an edge-aware interpolation of what is known at some pixels.

    From wide to narrow kernels: a kernel's mean counts by the share of what it sees that is known, the wider one's as
    much as `pull` of that, and the widest is pulled to 0. A kernel falls as exp(-distance / width), where distance is
    measured along rows and columns and grows with the differences of colour that are crossed (Gastal and Oliveira
    2011). What is farther than the network's depth counts more, times exp(behind ratio): what photos do not
    confirm close to an object is mostly behind it. ratio, weight: (h, w); colors: (3, h, w), 0 to 1.
    """
    field = torch.zeros_like(ratio)
    shares = weight * (settings.behind * ratio).clamp(-settings.most_behind, settings.most_behind).exp()
    known = torch.stack([shares * ratio, shares, torch.ones_like(shares)])
    for width in settings.widths:
        total, seen, whole = _spread(known, colors, width * max(ratio.shape), settings.color_width, check)
        field = (total + settings.pull * whole * field) / (seen + settings.pull * whole)
        check()
    return field


def _spread(values: Tensor, colors: Tensor, width: float, color_width: float, check: Check) -> Tensor:
    """(C, h, w): sums of values (C, h, w) under the kernel of this width, pixels; color_width: of colours 0 to 1."""
    across = _decay(colors, 2, width, color_width)
    down = _decay(colors, 1, width, color_width)
    rows = _decayed_sum(values.permute(2, 0, 1), across.permute(1, 0))
    check()
    return _decayed_sum(rows.permute(2, 1, 0), down).permute(1, 0, 2)


def _decay(colors: Tensor, axis: int, width: float, color_width: float) -> Tensor:
    """The kernel's factor from every pixel to the next along an axis of (3, h, w)."""
    return torch.exp(-(1 / width + colors.diff(dim=axis).abs().sum(0) / color_width))


def _decayed_sum(values: Tensor, decay: Tensor) -> Tensor:
    """(n, C, m): of values (n, C, m) along the first axis, both ways; decay: (n - 1, m), from each row to the next."""
    values = values.contiguous()
    total = torch.stack([values, values.flip(0)], 1)  # (n, 2, C, m)
    decays = torch.stack([decay, decay.flip(0)], 1)[:, :, None]
    for row in range(1, len(values)):
        total[row].addcmul_(total[row - 1], decays[row - 1])
    return total[:, 0] + total[:, 1].flip(0) - values
