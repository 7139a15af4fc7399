"""A photo at the resolution of its new depth map, and smaller: brightness, colours and camera."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..images.pixel_mapping import PixelMapping

Array = NDArray[np.float64]
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, Rec. 601


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One photo at one resolution, and its camera."""

    colors: Tensor  # (3, h, w), sRGB, 8 bit
    grey: Tensor  # (h, w), brightness 0 to 1
    K: Array  # (3, 3), pixels of this level
    world2cam: Array  # (4, 4)

    @property
    def shape(self) -> torch.Size:
        """(h, w)."""
        return self.grey.shape

    def smaller(self) -> "Level":
        """At half the resolution; an odd last row or column is left out."""
        colors = avg_pool2d(self.colors.float(), 2).round_().to(torch.uint8)
        return Level(colors, halved(self.grey), np.diag([0.5, 0.5, 1.0]) @ self.K, self.world2cam)


def halved(image: Tensor) -> Tensor:
    """(h // 2, w // 2): means of two by two pixels."""
    return avg_pool2d(image[None], 2)[0]


def pyramid(
    colors: NDArray[np.uint8], mapping: PixelMapping, K: Array, cam2world: Array, count: int, device: torch.device
) -> tuple[Level, ...]:
    """A photo at `count` resolutions, the finest first. colors: (H, W, 3) as `mapping` frames them; K: photo pixels."""
    (sx, sy), (ox, oy) = mapping.scale, mapping.offset
    own = np.array([[1 / sx, 0, -ox / sx], [0, 1 / sy, -oy / sy], [0, 0, 1]]) @ K
    planes = torch.from_numpy(colors).to(device).permute(2, 0, 1).contiguous()
    grey = (planes.float() * planes.new_tensor(LUMA, dtype=torch.float32)[:, None, None]).sum(0) / 255
    levels = [Level(planes, grey, own, np.linalg.inv(cam2world))]
    while len(levels) < count:
        levels.append(levels[-1].smaller())
    return tuple(levels)


def finer_mapping(mapping: PixelMapping, long_side: int) -> PixelMapping:
    """The part of the photo that the network sees, at this long side; no finer than the photo, no coarser than now."""
    seen = [size * scale for size, scale in zip(mapping.view_size, mapping.scale, strict=True)]
    factor = min(1.0, long_side / max(seen))
    width, height = (max(now, round(part * factor)) for now, part in zip(mapping.view_size, seen, strict=True))
    return replace(mapping, view_size=(width, height), scale=(seen[0] / width, seen[1] / height))


def place_of(pixels: Array, mapping: PixelMapping) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The flat index of the view's pixel at photo pixels (M, 2), and whether it is in the view; 0 where not."""
    with np.errstate(invalid="ignore"):
        x, y = np.nan_to_num(np.floor((pixels - mapping.offset) / mapping.scale), nan=-1).T
    width, height = mapping.view_size
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.where(inside, y * width + x, 0).astype(np.int64), inside


def on_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """(h, w) float32."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)
