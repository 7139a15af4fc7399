"""A photo's depth between the centres of its network pixels. NumPy only."""

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry.camera import sample_depth, unproject
from .result import AlignedView

Floats = NDArray[np.float64]


def depth_at(view: AlignedView, pixels: Floats, min_confidence: float = 1.0) -> Floats:
    """(M,): depths at photo pixels (M, 2), as `sample_depth`; NaN where the nearest network pixel is not kept."""
    depth = np.where(view.kept(min_confidence), view.depth, np.nan)
    return sample_depth(depth, (pixels - view.mapping.offset) / view.mapping.scale)


def point_at(view: AlignedView, pixel: tuple[float, float], min_confidence: float = 1.0) -> Floats:
    """(3,), world: what a photo shows at a photo pixel; raises InputError where it shows no point."""
    at = np.array([pixel], dtype=np.float64)
    depth = depth_at(view, at, min_confidence)
    if np.isfinite(depth[0]):
        return unproject(at, depth, view.K, view.cam2world)[0]
    place = (at[0] - view.mapping.offset) / view.mapping.scale
    advice = "choose another, or show more points"
    if not ((place >= 0) & (place < view.mapping.view_size)).all():
        advice = "it is outside of what was reconstructed; choose another"
    raise InputError(f"{view.name} shows no point at pixel ({pixel[0]:.0f}, {pixel[1]:.0f}); {advice}")
