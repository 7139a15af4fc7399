"""Rotary position code in two dimensions (RoPE-2D): where a token lies, told by turning queries and keys."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class Rotation(NamedTuple):
    """The turn of every token of a grid: one angle per axis and frequency."""

    cosine: Tensor  # (N, 2, D/4): token, (row, column), frequency; (B, 1, N, 2, D/4) where photos differ
    sine: Tensor  # likewise

    def of_tokens(self, index: Tensor) -> "Rotation":
        """The turn of some tokens of the grid, chosen for each photo by index (B, N)."""
        return Rotation(self.cosine[index][:, None], self.sine[index][:, None])


@lru_cache(maxsize=64)
def grid_rotation(rows: int, columns: int, head_width: int, base: float, device: torch.device) -> Rotation:
    """The rotation of a row-major token grid, kept per grid: a few shapes serve a whole job.

    head_width: channels D of an attention head, a multiple of 4. Frequency k of D/4 is base^(-4k/D) per patch.
    """
    with torch.inference_mode(False):  # what is kept must also serve a later training step
        row = torch.arange(rows, device=device).repeat_interleave(columns, output_size=rows * columns)
        column = torch.arange(columns, device=device).repeat(rows)
        return rotation_at(torch.stack([row, column], dim=-1), head_width, base)


def rotation_at(position: Tensor, head_width: int, base: float) -> Rotation:
    """The rotation of tokens at these positions (N, 2), as (row, column) in patches; the rest as for a grid."""
    count = head_width // 4
    frequency = base ** (-torch.arange(count, device=position.device, dtype=torch.float32) / count)
    angle = position[:, :, None] * frequency
    return Rotation(angle.cos(), angle.sin())


def rotate(heads: Tensor, rotation: Rotation) -> Tensor:
    """Turn queries or keys (B, heads, N, D) by their tokens' positions.

    The first half of the channels is turned by the row, the second by the column; within a half, channel k is
    paired with channel k + D/4. What comes out has the rotation's precision, or the heads' where that is higher.
    """
    first, second = heads.unflatten(-1, (2, 2, -1)).unbind(-2)  # each (B, heads, N, 2, D/4)
    turned_first = first * rotation.cosine - second * rotation.sine
    turned_second = second * rotation.cosine + first * rotation.sine
    return torch.stack([turned_first, turned_second], dim=-2).flatten(-3)
