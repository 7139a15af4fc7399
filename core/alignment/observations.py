"""What the predictions say of a spread of pixels: the same number of pixels in every photo, so that edges stack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..geometry.pixel_sampling import KEPT, spread
from ..inference.prediction import PairPrediction
from .photo import AlignmentPhoto

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

PIXELS_PER_PHOTO = KEPT  # enough for cameras: errors of pointmaps are smooth, so more pixels add little
TOTAL_PIXELS = 96_000  # over both sides of all edges: many edges need fewer pixels each
FEWEST_PIXELS = 128
ABSURD = 1e3  # median distances: points further off (the exponential head's runaways) say nothing of a camera
FARTHEST = 1e12  # units of the network; beyond, squares would not be finite


@dataclass(frozen=True, slots=True)
class Observations:
    """N photos, E edges (i, j), P pixels a photo; side 0 of an edge is photo i, side 1 photo j."""

    edges: Indices  # (E, 2)
    points: Array  # (E, 2, P, 3), in camera i's frame, up to the edge's scale; 0 where not finite
    weight: Array  # (E, 2, P), log confidence; 0 where masked or not finite
    confidence: Array  # (E, 2), mean over the side's usable pixels, 0 with none
    pixels: Array  # (N, P, 2), photo pixels
    area: Array  # (N,), network pixels of each photo
    sampled: Array  # (N,), how many of the P are different ones; the others have weight 0
    sizes: tuple[tuple[int, int], ...]  # photo (width, height)

    @property
    def score(self) -> Array:
        """How sure the network is of each edge: mean confidence of i times mean confidence of j, (E,)."""
        return self.confidence[:, 0] * self.confidence[:, 1]

    def of(self, photos: Indices, edges: Indices) -> Self:
        """The part that these photos, renumbered from 0, and these edges between them make."""
        number = np.full(len(self.pixels), -1)
        number[photos] = np.arange(len(photos))
        parts = (self.points[edges], self.weight[edges], self.confidence[edges])
        sizes = tuple(self.sizes[k] for k in photos)
        return type(self)(
            number[self.edges[edges]], *parts, self.pixels[photos], self.area[photos], self.sampled[photos], sizes
        )


def sample(
    photos: Sequence[AlignmentPhoto], predictions: Sequence[PairPrediction], step: Callable[[], None]
) -> Observations:
    """A spread of pixels of every photo with all that is predicted for them; calls `step` once per prediction."""
    mappings = [photo.mapping for photo in photos]
    areas = np.array([mapping.view_size[0] * mapping.view_size[1] for mapping in mappings])
    count = int(np.clip(TOTAL_PIXELS // (2 * len(predictions)), FEWEST_PIXELS, PIXELS_PER_PHOTO))
    count = min(count, int(areas.max()))
    chosen = [spread(mapping.view_size, count) for mapping in mappings]
    real = np.arange(count) < areas[:, None]
    shape = (len(predictions), 2, count)
    points, weight, confidence = np.zeros((*shape, 3)), np.zeros(shape), np.zeros(shape[:2])
    for e, prediction in enumerate(predictions):
        step()
        for side, photo in enumerate(prediction.edge):
            part, sure = _at(prediction, side, chosen[photo], photos[photo].mask)
            sure = np.where(real[photo], sure, 1.0)
            points[e, side], weight[e, side] = part, np.log(sure)
            confidence[e, side] = sure[weight[e, side] > 0].mean() if (sure > 1).any() else 0.0
    pixels = np.stack([mapping.photo_pixels().reshape(-1, 2)[k] for mapping, k in zip(mappings, chosen, strict=True)])
    edges = np.array([prediction.edge for prediction in predictions], dtype=np.int64).reshape(-1, 2)
    sizes = tuple(mapping.photo_size for mapping in mappings)
    sampled = np.minimum(areas, count).astype(np.float64)
    return Observations(edges, points, weight, confidence, pixels, areas.astype(np.float64), sampled, sizes)


def _at(prediction: PairPrediction, side: int, chosen: Indices, mask: NDArray[np.bool_] | None) -> tuple[Array, Array]:
    """Points (P, 3) and confidence (P,) of one side; an unusable pixel gets point 0 and confidence 1."""
    X, C = (values.astype(np.float64) for values in prediction.at(side, chosen))
    usable = (np.abs(X) < FARTHEST).all(-1) & np.isfinite(C)  # false for NaN
    if side == 0:  # what a photo shows is before its own camera
        usable &= X[:, 2] > 0
    distance = np.linalg.norm(X, axis=-1)
    if usable.any():
        usable &= distance <= ABSURD * np.median(distance[usable])
    if mask is not None:
        usable &= mask.reshape(-1)[chosen]
    return np.where(usable[:, None], X, 0.0), np.where(usable, np.maximum(C, 1.0), 1.0)
