"""All pattern tiles in one block of bytes, each in several sizes, so that what is far away is sampled without noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 256
LEVELS = 7  # down to 4 x 4


@dataclass(frozen=True, slots=True)
class Atlas:
    """Square periodic tiles of three channels: colours, or the shares of a palette's three colours."""

    texels: NDArray[np.uint8]  # flat: per level (tiles, side, side, 3)
    starts: NDArray[np.int64]  # (LEVELS,), where each level begins
    side: int  # of level 0, a power of two
    families: dict[str, tuple[int, ...]]  # family -> numbers of its tiles


def make_atlas(tiles: Sequence[NDArray[np.uint8]], families: dict[str, tuple[int, ...]]) -> Atlas:
    """Stack (SIDE, SIDE, 3) tiles and halve them LEVELS - 1 times."""
    level = np.stack(list(tiles))
    blocks, starts, place = [], [], 0
    for _ in range(LEVELS):
        blocks.append(level.ravel())
        starts.append(place)
        place += level.size
        rows = level[:, 0::2].astype(np.uint16) + level[:, 1::2]
        level = np.rint((rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)).astype(np.uint8)
    return Atlas(np.concatenate(blocks), np.array(starts), tiles[0].shape[0], families)
