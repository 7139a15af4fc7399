"""Where a token or a cell lies: the learned code of patches, the turns of queries and keys, the code of maps."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..dust3r.rope import Rotation, rotation_at

ADDED = 0.1  # to the number of patches when the learned code is resampled; the weights were trained with it
UV_SHARE = 0.1  # of a map's code in the sum with the map
UV_BASE = 100.0  # wavelengths of that code: 2 pi to 2 pi times this, in units of half the photo's diagonal


def resample_position_code(code: Tensor, grid: tuple[int, int]) -> Tensor:
    """The learned code (1, 1 + G * G, C) for a grid of (rows, columns) patches: (1, 1 + rows * columns, C).

    The first belongs to token 0 and stays. Bicubic; the scale is (rows + 0.1) / G, not rows / G.
    """
    side = round((code.shape[1] - 1) ** 0.5)
    if grid == (side, side):
        return code
    own, patches = code[:, :1], code[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    scale = tuple((count + ADDED) / side for count in grid)
    patches = interpolate(patches, scale_factor=scale, mode="bicubic", align_corners=False)
    return torch.cat([own, patches.flatten(2).transpose(1, 2)], dim=1)


def rotation_within_views(grid: tuple[int, int], head_width: int, base: float, device: torch.device) -> Rotation:
    """The turns of a view's tokens: token 0 at (0, 0), the patch of row r and column c at (r + 1, c + 1)."""
    rows, columns = grid
    row, column = torch.meshgrid(torch.arange(rows) + 1, torch.arange(columns) + 1, indexing="ij")
    patches = torch.stack([row, column], dim=-1).flatten(0, 1)
    return rotation_at(torch.cat([torch.zeros(1, 2), patches]).to(device), head_width, base)


def rotation_across_views(
    views: int, grid: tuple[int, int], head_width: int, base: float, device: torch.device
) -> Rotation:
    """The turns of all views' tokens in one row: token 0 of each at (0, 0), every patch at (1, 1)."""
    position = torch.ones(views, 1 + grid[0] * grid[1], 2, device=device)
    position[:, 0] = 0
    return rotation_at(position.flatten(0, 1), head_width, base)


def add_uv_code(maps: Tensor, aspect: float) -> Tensor:
    """Maps (S, K, m, n) plus UV_SHARE times a fixed code of each cell's place in the photo, K a multiple of 4.

    aspect: width / height of the photo, whose half diagonal is the unit of length.
    """
    channels, rows, columns = maps.shape[1:]
    half_height = 1 / (aspect**2 + 1) ** 0.5
    x = _cell_centres(columns, aspect * half_height, maps)
    y = _cell_centres(rows, half_height, maps)
    count = channels // 4
    frequency = UV_BASE ** (-torch.arange(count, device=maps.device, dtype=torch.float32) / count)
    of_x, of_y = (frequency[:, None] * place for place in (x, y))
    code = torch.cat(
        [
            torch.cat([of_x.sin(), of_x.cos()])[:, None, :].expand(-1, rows, -1),
            torch.cat([of_y.sin(), of_y.cos()])[:, :, None].expand(-1, -1, columns),
        ]
    )
    return maps + UV_SHARE * code


def _cell_centres(count: int, half: float, like: Tensor) -> Tensor:
    """Centres of so many cells between -half and half."""
    end = half * (count - 1) / count
    return torch.linspace(-end, end, count, device=like.device)
