"""Where photos show a point. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cleanup.settings import CleanupSettings
from ..geometry.camera import project
from ..reconstruction.depth_sampling import depth_at
from ..reconstruction.result import AlignedView

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a point falls in a photo."""

    view: int  # the photo's number
    pixel: tuple[float, float]  # photo pixels
    depth: float  # of the point, seen from there
    visible: bool  # nothing that the photo shows there is in front of it


def sightings(
    views: Sequence[AlignedView], point: Floats, component: int = 0, tolerance: float | None = None
) -> list[Sighting]:
    """Where a world point (3,) falls in the photos of its world that have it in their picture, in their order.

    component: of the photo that the point is from. A photo hides the point where its own depth there is smaller by more
    than `tolerance` of it (None: what the clean-up allows one surface), or where it has none.
    """
    tolerance = CleanupSettings().depth_tolerance if tolerance is None else tolerance
    found = []
    for index, view in enumerate(views):
        pixels, depths = project(point[None], view.K, view.cam2world)
        size = np.array(view.mapping.photo_size)
        if view.component != component or not ((pixels[0] >= 0) & (pixels[0] < size)).all():  # NaN is not
            continue
        visible = bool(depths[0] <= (1 + tolerance) * depth_at(view, pixels)[0])
        found.append(Sighting(index, (float(pixels[0, 0]), float(pixels[0, 1])), float(depths[0]), visible))
    return found
