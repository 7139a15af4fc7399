"""How large a reconstruction is: the lengths from which radii, camera symbols and clipping follow."""

from dataclasses import dataclass

import numpy as np

from ..reconstruction.result import AlignedView, Reconstruction

ENOUGH = 500_000  # pixels that tell the median of any number of them to a part in a thousand


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
    views = reconstruction.views
    step = 1 + sum(view.depth.size for view in views) // ENOUGH
    depths = [_depths(view, min_confidence, step) for view in views]
    # a network pixel covers scale / focal of the depth
    spacings = [depth * (view.mapping.scale[0] / view.K[0, 0]) for view, depth in zip(views, depths, strict=True)]
    return np.concatenate(depths), np.concatenate(spacings)


def _depths(view: AlignedView, min_confidence: float, step: int) -> np.ndarray:
    """Of every `step`-th kept pixel and of the farthest."""
    depths = view.depth[view.kept(min_confidence) & (view.depth > 0)].astype(np.float64)
    return np.append(depths[::step], depths.max(initial=0)) if depths.size else depths
