"""Depth maps into truncated signed distances, block by block (Curless and Levoy 1996)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .depth_map import DepthMap
from .plan import BLOCK, TRUNCATION, Cells, Volume

Floats = NDArray[np.float64]

FAINT = 0.01  # what a photo says from farther behind its surface than a truncation: only where no other says more
SIDE = BLOCK * TRUNCATION  # voxels of a block; it holds the first of the next one too


@dataclass(frozen=True, slots=True)
class Block:
    """A cube of voxels. A voxel that no photo tells anything of stays unknown, and so does every surface there."""

    first: Cells  # (3,), number of its first voxel in the volume
    distance: NDArray[np.float32]  # (SIDE + 1,) * 3, in truncations, -1 behind a surface to 1 in front of it
    known: NDArray[np.bool_]  # (SIDE + 1,) * 3


def fuse_block(volume: Volume, block: Cells, cells: Cells, maps: Sequence[DepthMap]) -> Block:
    """The weighted mean of what all photos say of the voxels of some cells (n, 3) of a block.

    A photo says 1 of what is in front of its surface, and nothing of what its rays meet more than two truncations
    behind: a surface seen at a grazing angle needs the second one, as far as no other photo says more.
    """
    first = block * SIDE
    voxels = np.argwhere(_near(cells))
    points = volume.origin + volume.voxel * (first + voxels)
    total, weight = np.zeros(len(points)), np.zeros(len(points))
    for one in maps:
        if not may_see(one, points):
            continue
        seen = one.look(points)
        near = (seen.distance >= -volume.truncation) & (seen.ahead >= -2 * volume.truncation)
        rows = seen.rows[near]
        share = np.where(seen.ahead < -volume.truncation, FAINT, 1)[near] * seen.weight[near]
        total[rows] += share * np.minimum(seen.distance[near] / volume.truncation, 1)
        weight[rows] += share
    distance, known = np.ones((SIDE + 1,) * 3, np.float32), np.zeros((SIDE + 1,) * 3, bool)
    found = weight > 0
    at = tuple(voxels[found].T)
    distance[at], known[at] = total[found] / weight[found], True
    return Block(first, distance, known)


def may_see(one: DepthMap, points: Floats) -> bool:
    """False where no point of the box around points (N, 3) can be seen by a photo, or be near its farthest surface."""
    low, high = points.min(axis=0), points.max(axis=0)
    pose = one.view.cam2world
    centre = pose[:3, :3].T @ ((low + high) / 2 - pose[:3, 3])
    radius = float(np.linalg.norm(high - low)) / 2
    nearest = centre[2] - radius
    if centre[2] + radius <= 0 or nearest > one.farthest + radius:
        return False
    reach = np.array(one.view.mapping.photo_size) / (one.view.K[0, 0], one.view.K[1, 1])  # of the photo, at depth 1
    aside = np.abs(centre[:2]) - radius * (1 + reach)
    return bool((aside <= reach * max(centre[2], 0) + radius).all())


def _near(cells: Cells) -> NDArray[np.bool_]:
    """(SIDE + 1,) * 3: the voxels of the cells, and the first ones of the cells after them."""
    chosen = np.zeros((BLOCK + 1,) * 3, bool)
    chosen[tuple(cells.T)] = True
    for axis in range(3):
        voxels = chosen.repeat(TRUNCATION, axis=axis)
        chosen = (voxels | np.roll(voxels, 1, axis=axis)).take(range(SIDE + 1), axis=axis)
    return chosen
