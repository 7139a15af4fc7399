"""How a mesh is made; imports nothing heavy, for the panel and --help."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import InputError

Kind = Literal["grid", "fused"]
FEWEST_VOXELS = 27 * 4**3  # one cell (plan.py) and its neighbours: the smallest volume that there is


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """What is made of a reconstruction's depth maps. Raises InputError for numbers that make no sense."""

    kind: Kind = "fused"  # one mesh of each photo's pixels, or one of all photos
    min_confidence: float | None = None  # of pixels, from 1; None: the reconstruction's own
    max_slope: float = 85.0  # degrees between a pixel's ray and the surface's normal; steeper faces are cut (grid)
    voxel: float | None = None  # scene units; None: what points and their agreement are worth (fused)
    max_voxels: int = 60_000_000  # a voxel that is not given grows until the volume has no more (fused)
    min_island: int = 100  # faces: smaller pieces that hang together with nothing are left out
    texture: bool = True  # from the photos' files; else colours of vertices alone
    texture_size: int = 4096  # pixels, the longest side of the fused mesh's texture

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"kind must be one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        if not 0 < self.max_slope < 90:
            raise InputError(f"max_slope must be between 0 and 90 degrees, got {self.max_slope:g}")
        if self.voxel is not None and not (math.isfinite(self.voxel) and self.voxel > 0):
            raise InputError(f"A voxel must be larger than 0, got {self.voxel:g}")
        for name, least in (("max_voxels", FEWEST_VOXELS), ("min_island", 0), ("texture_size", 64)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
