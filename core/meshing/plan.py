"""How fine a volume the depth maps are worth, and where in space it has to be. NumPy only, no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry.camera import project
from ..reconstruction.result import AlignedView, Reconstruction
from ..world.scale import scene_scale
from .depth_map import DepthMap
from .mesh import Warn
from .settings import MeshSettings

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]

TRUNCATION = 4  # voxels on each side of a surface that know how far it is; also the side of a cell
BLOCK = 8  # cells: the side of what is worked on at a time
VOXELS_PER_SPACING = 2.0  # finer ones would fall between the rays
LEAST_PER_SPACING = 0.25  # of a voxel that is given
VOXELS_PER_DISAGREEMENT = 1.0  # finer ones would show each photo's own surface
SAMPLES = 20_000  # pixels of a photo that tell how far photos disagree
OVERLAP = 0.1  # of the depth: farther apart, two photos show different surfaces
GROWTH = 1.1  # of a voxel while there are too many
MOST_ACROSS = 1 << 20  # voxels along an axis


@dataclass(frozen=True, slots=True)
class Volume:
    """A grid of voxels, of which only cells at or next to a point are ever looked at."""

    voxel: float  # scene units, the distance of neighbours
    origin: Floats  # (3,), world: of voxel (0, 0, 0)
    cells: Cells  # (N, 3), TRUNCATION voxels each side, all at least 0

    @property
    def truncation(self) -> float:
        """Scene units."""
        return TRUNCATION * self.voxel

    def blocks(self) -> list[tuple[Cells, Cells]]:
        """(block (3,), its cells (n, 3) counted from the block's first) of every block of BLOCK cells each side."""
        block, within = np.divmod(self.cells, BLOCK)
        key = cell_keys(block)
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order]))
        return [(block[rows[0]], within[rows]) for rows in np.split(order, starts + 1)]


def plan_volume(
    world: Reconstruction, maps: Sequence[DepthMap], settings: MeshSettings, sure: float, warn: Warn
) -> Volume | None:
    """The volume around the points of all depth maps of a world, made at the confidence `sure`; None without any.

    A voxel that the settings do not give is twice the typical distance of neighbouring points, or what photos
    typically disagree by, whichever is larger, and grows until there are at most max_voxels, of which it warns. Raises
    InputError for a given voxel that leads to more, or is far finer than the points.
    """
    points = np.concatenate([one.points() for one in maps])
    if not len(points):
        return None
    _check_voxel(settings.voxel, scene_scale(world, sure).spacing)
    finest = float(np.ptp(points, axis=0).max()) / (MOST_ACROSS - 4 * TRUNCATION)
    wanted = settings.voxel or typical_voxel(world, sure)
    voxel = max(wanted, finest)
    volume = _volume(points, voxel, settings.max_voxels)
    while volume is None:
        voxel *= GROWTH
        volume = _volume(points, voxel, settings.max_voxels)
    if voxel > wanted:
        said = f"voxels of {wanted:.3g} would be more than {settings.max_voxels:,}"
        if settings.voxel is not None:
            raise InputError(f"The {said}; give {voxel:.3g} or more")
        warn(f"The fused mesh has voxels of {voxel:.3g}, for {said}; give more to keep what is finer")
    return volume


def _check_voxel(voxel: float | None, spacing: float) -> None:
    """Raise InputError for a voxel between whose cells points would lie apart."""
    if voxel is not None and voxel < LEAST_PER_SPACING * spacing:
        raise InputError(
            f"A voxel of {voxel:.3g} is far finer than the points, which are {spacing:.3g} apart; "
            f"give {LEAST_PER_SPACING * spacing:.3g} or more"
        )


def typical_voxel(world: Reconstruction, sure: float) -> float:
    """Scene units: what the points' distances and the photos' agreement are worth."""
    spacing = scene_scale(world, sure).spacing
    return max(VOXELS_PER_SPACING * spacing, VOXELS_PER_DISAGREEMENT * disagreement(world.views, sure))


def disagreement(views: Sequence[AlignedView], sure: float) -> float:
    """The median difference, scene units, of the depths that two photos give the same surface; 0 without any."""
    share = max(1, SAMPLES // max(1, len(views) - 1))
    kept = [view.kept(sure) & (view.depth > 0) for view in views]
    points = [view.world_points()[own] for view, own in zip(views, kept, strict=True)]
    samples = [own[:: 1 + len(own) // share] for own in points]
    pairs = permutations(range(len(views)), 2)
    found = [_differences(samples[one], views[other], kept[other]) for one, other in pairs]
    differences = np.concatenate([np.zeros(0), *found])
    return float(np.median(differences)) if len(differences) else 0.0


def _differences(points: Floats, view: AlignedView, kept: NDArray[np.bool_]) -> Floats:
    """|depth in the view - depth the view shows there| of world points (N, 3), where these are about the same."""
    pixels, depth = project(points, view.K, view.cam2world)
    x, y = ((pixels - view.mapping.offset) / view.mapping.scale).T
    width, height = view.mapping.view_size
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)  # False for NaN
    at = y[inside].astype(int), x[inside].astype(int)
    off, depth = np.abs(depth[inside] - view.depth[at]), depth[inside]
    return off[kept[at] & (off < OVERLAP * depth)].astype(np.float64)


def _volume(points: Floats, voxel: float, most: int) -> Volume | None:
    """The volume of all cells around points (N, 3); None where there are too many."""
    side = TRUNCATION * voxel
    origin = points.min(axis=0) - 1.5 * side  # leaves room for the cells before the first
    cells = _unique(((points - origin) / side).astype(np.int64))
    for axis in range(3):
        if len(cells) * TRUNCATION**3 > most:
            return None
        cells = _unique(np.concatenate([cells + step * np.eye(3, dtype=np.int64)[axis] for step in (-1, 0, 1)]))
    return None if len(cells) * TRUNCATION**3 > most else Volume(voxel, origin, cells)


def _unique(cells: Cells) -> Cells:
    return cells[np.unique(cell_keys(cells), return_index=True)[1]]


def cell_keys(cells: Cells) -> Cells:
    """(N,): one number for each different row of (N, 3) numbers from 0 to MOST_ACROSS."""
    x, y, z = cells.T
    return (x * MOST_ACROSS + y) * MOST_ACROSS + z
