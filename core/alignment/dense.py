"""Step 5: the depth of every pixel, at full resolution, from the edges that saw its photo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.pixel_sampling import KEPT, spread
from ..geometry.similarity import Similarity
from ..images.pixel_mapping import PixelMapping
from ..inference.prediction import PairPrediction
from ..settings import Distance
from .levelling import levelled
from .pixel_depth import Camera, Image, Reading, candidates, fit

BLOCK = 200_000  # values of a kind worked on at once: what fits the processor's cache
NEAREST = 1e-3  # of the median depth: no depth comes out smaller


@dataclass(frozen=True, slots=True)
class Side:
    """One edge's prediction of a photo: side 0 is photo i's, 1 photo j's."""

    prediction: PairPrediction
    side: int
    frame: Similarity  # the edge's frame to the world

    def dense(self) -> Reading | None:
        """What is predicted of every pixel, if that was kept."""
        found = self.prediction.dense(self.side)
        return None if found is None else Reading(*found, self.frame)

    def at(self, pixels: NDArray[np.int64]) -> Reading:
        """What is predicted of some of the pixels of `spread`."""
        points, confidence = self.prediction.at(self.side, pixels)
        return Reading(points.astype(np.float32), confidence.astype(np.float32), self.frame)


@dataclass(frozen=True, slots=True)
class DenseDepth:
    """One photo's geometry, and what it costs."""

    depth: Image  # (H, W), > 0
    confidence: Image  # (H, W), the greatest that any dense side gives (as published); 1 where none says anything
    misfit: NDArray[np.float64]  # (2,): sum of log C |chi - sigma_e P_e X|^p over unmasked pixels, as i and as j
    pixels: NDArray[np.float64]  # (2,): how many pixels those sides have


def fuse_depth(
    mapping: PixelMapping,
    camera: Camera,
    sides: Sequence[Side],
    distance: Distance,
    mask: NDArray[np.bool_] | None,
    step: Callable[[], None],
    along_axis: bool = False,
) -> DenseDepth:
    """Per pixel  argmin_d sum_e log C_e |d ray - X_e|^p  over the photo's edges, X_e their points in its frame.

    Where only some sides are dense, it is theirs, levelled to what all sides say of the pixels that every one kept;
    then the misfit is estimated from those. A pixel that nothing is predicted for gets the median depth. along_axis:
    the predicted z itself stands for the nearest depth on the ray. Calls `step` before every block of pixels.
    """
    width, height = mapping.view_size
    slopes = (mapping.photo_pixels().reshape(-1, 2) - camera.principal_point) / camera.focal
    rays = np.concatenate([slopes.T, np.ones((1, width * height))]).astype(np.float32)
    unmasked = np.ones(width * height, np.float32) if mask is None else mask.reshape(-1).astype(np.float32)
    second = np.array([side.side for side in sides], dtype=np.int64)
    readings = [side.dense() for side in sides]
    dense = [reading for reading in readings if reading is not None]
    depth, confidence, misfit = _fuse(rays, camera, dense, distance, unmasked, step, along_axis)
    if len(dense) < len(sides):
        pixels = np.unique(spread(mapping.view_size, KEPT))
        seen = candidates(rays[:, pixels], camera, [side.at(pixels) for side in sides], along_axis)
        depth = levelled(depth, mapping.view_size, pixels, seen, distance)
        misfit = seen.misfit(depth[pixels], distance, unmasked[pixels]) * (width * height / len(pixels))
    costs = np.bincount(second, misfit, 2).astype(np.float64)
    counts = width * height * np.bincount(second, minlength=2).astype(np.float64)
    return DenseDepth(_filled(depth).reshape(height, width), confidence.reshape(height, width), costs, counts)


def _fuse(
    rays: Image,
    camera: Camera,
    dense: Sequence[Reading],
    distance: Distance,
    unmasked: Image,
    step: Callable[[], None],
    along_axis: bool,
) -> tuple[Image, Image, NDArray[np.float64]]:
    """Depth and confidence of every pixel, NaN and 1 where nothing is known, and every reading's misfit."""
    count = rays.shape[1]
    depth, confidence = np.full(count, np.nan, dtype=np.float32), np.ones(count, dtype=np.float32)
    misfit, size = np.zeros(len(dense)), max(BLOCK // max(len(dense), 1), 1000)
    for start in range(0, count if dense else 0, size):
        step()
        rows = slice(start, start + size)
        seen = candidates(rays[:, rows], camera, [reading.part(rows) for reading in dense], along_axis)
        depth[rows], confidence[rows] = fit(seen, distance), seen.confidence
        misfit += seen.misfit(depth[rows], distance, unmasked[rows])
    return depth, confidence, misfit


def _filled(depth: Image) -> Image:
    known = np.isfinite(depth)
    typical = float(np.median(depth[known])) if known.any() else 1.0
    return np.maximum(np.where(known, depth, typical), NEAREST * typical).astype(np.float32)
