"""How a photo is placed in a world that is there already. Imports no torch."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import InputError

Way = Literal["matches", "relative"]


@dataclass(frozen=True, slots=True)
class LocalizationSettings:
    """How a photo is placed, and how sure that must be."""

    way: Way = "matches"  # PnP over all matches, or the relative pose to one photo, scaled by its known depth
    neighbours: int = 5  # photos of the reconstruction, those most alike, that the new one is compared with
    focal: float | None = None  # of the new photo, in its pixels; None: what its own pointmaps show
    min_inliers: int = 50  # matches that must agree on the camera
    min_inlier_share: float = 0.12  # of all matches
    seed: int = 0

    def __post_init__(self) -> None:
        if self.way not in get_args(Way):
            raise InputError(f"way must be one of {', '.join(get_args(Way))}, got {self.way!r}")
        for name in ("neighbours", "min_inliers"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.min_inlier_share <= 1:
            raise InputError(f"min_inlier_share must be from 0 to 1, got {self.min_inlier_share}")
        if self.focal is not None and not (math.isfinite(self.focal) and self.focal > 0):
            raise InputError(f"A known focal must be above 0 pixels, got {self.focal}")
