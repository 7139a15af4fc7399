"""How large a reconstruction is: the lengths from which radii, camera symbols and clipping follow."""

from dataclasses import dataclass

import numpy as np

from ...core.reconstruction import AlignedView, Reconstruction


@dataclass(frozen=True, slots=True)
class SceneScale:
    """Lengths in scene units, all above 0."""

    depth: float  # median depth of the points
    farthest: float  # largest depth
    spacing: float  # median distance of neighbouring points on a surface seen head-on


def scene_scale(reconstruction: Reconstruction, min_confidence: float) -> SceneScale:
    """The scale of the points at or above a confidence, of all points when none is; of a unit scene without points."""
    depths, spacings = _depths_and_spacings(reconstruction, min_confidence)
    if not depths.size:
        depths, spacings = _depths_and_spacings(reconstruction, 1.0)
    if not depths.size:
        return SceneScale(1.0, 1.0, 0.01)
    return SceneScale(float(np.median(depths)), float(depths.max()), float(np.median(spacings)))


def _depths_and_spacings(reconstruction: Reconstruction, min_confidence: float) -> tuple[np.ndarray, np.ndarray]:
    depths = [_depths(view, min_confidence) for view in reconstruction.views]
    # a network pixel covers scale / focal of the depth
    spacings = [
        depth * (view.mapping.scale[0] / view.K[0, 0]) for view, depth in zip(reconstruction.views, depths, strict=True)
    ]
    return np.concatenate(depths), np.concatenate(spacings)


def _depths(view: AlignedView, min_confidence: float) -> np.ndarray:
    kept = view.mask & np.isfinite(view.depth) & (view.depth > 0) & (view.confidence >= min_confidence)
    return view.depth[kept].astype(np.float64)
