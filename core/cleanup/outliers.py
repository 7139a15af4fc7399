"""Points far outside the scene."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..geometry.pixel_sampling import spread
from ..reconstruction.result import AlignedView
from .agreement import Agreement
from .settings import CleanupSettings

SAMPLE = 4096  # pixels of each photo that tell where the scene is


def find_outliers(
    views: Sequence[AlignedView], agreements: Sequence[Agreement], settings: CleanupSettings
) -> list[NDArray[np.bool_]]:
    """(H, W) of each photo: points beyond the fence of their world that no other photo confirms.

    The fence is Tukey's, Q3 + factor (Q3 - Q1), for the logarithm of the distance from the world's middle (the median
    of its points): a landscape that reaches far with all its points moves the fence, a few wild points do not.
    """
    fences = {
        component: _fence([view for view in views if view.component == component], settings.outlier_fence)
        for component in {view.component for view in views}
    }
    return [
        _beyond(view, *fences[view.component]) & (agreement.confirmed == 0)
        for view, agreement in zip(views, agreements, strict=True)
    ]


def _fence(views: Sequence[AlignedView], factor: float) -> tuple[NDArray[np.float64], float]:
    """The middle (3,) of a world, and the distance from it beyond which a point is an outlier."""
    points = np.concatenate([_sample(view) for view in views])
    if not len(points):
        return np.zeros(3), np.inf
    middle = np.median(points, axis=0)
    distance = np.linalg.norm(points - middle, axis=-1)
    low, high = np.quantile(np.log(distance[distance > 0]), (0.25, 0.75)) if (distance > 0).any() else (0.0, np.inf)
    return middle, float(np.exp(high + factor * (high - low)))


def _sample(view: AlignedView) -> NDArray[np.float64]:
    """(M, 3), world: an even choice of the kept points."""
    pixels = spread(view.mapping.view_size, SAMPLE)
    pixels = pixels[view.kept().ravel()[pixels]]
    return view.world_points().reshape(-1, 3)[pixels]


def _beyond(view: AlignedView, middle: NDArray[np.float64], fence: float) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # depths that are not finite lie nowhere
        return np.linalg.norm(view.world_points() - middle, axis=-1) > fence
