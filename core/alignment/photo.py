"""One photo as the alignment takes it."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cameras.priors import UNKNOWN, KnownCamera
from ..images.pixel_mapping import PixelMapping
from .estimate import Placement


@dataclass(frozen=True, slots=True, eq=False)
class AlignmentPhoto:
    """A photo's pixels, and what is known of it before the alignment."""

    mapping: PixelMapping  # network pixels to photo pixels
    mask: NDArray[np.bool_] | None = None  # (H, W), True = keep
    known: KnownCamera = UNKNOWN  # comes back to the last bit
    principal_point: tuple[float, float] | None = None  # photo pixels, to begin with; None: the photo's centre
    lens: Hashable | None = None  # equal for photos of one camera, lens and zoom; None: not known
    warm_start: Placement | None = None  # in an earlier solution
    name: str = ""  # for warnings

    @property
    def start_point(self) -> tuple[float, float]:
        """The principal point to begin with."""
        return self.mapping.photo_centre if self.principal_point is None else self.principal_point
