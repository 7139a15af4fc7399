"""Pointmaps as they are with focals that are known, where the network saw others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.prediction import PairPrediction
from ..scene_graph.edges import Edge
from .observations import Array, Observations

PHOTO_SPREAD = 0.1  # relative standard error of a focal that a network trained on photos shows
SYNTHETIC_SPREAD = 1.0  # the same trained on synthetic scenes alone: it shows much the same focal whatever the lens


@dataclass(frozen=True, slots=True)
class Stretched:
    """A prediction whose depths are multiplied by the ratio of two focals; a `PairPrediction`."""

    prediction: PairPrediction
    ratio: float  # focal of photo i over the one that its pointmaps show

    @property
    def edge(self) -> Edge:
        return self.prediction.edge

    def shape(self, side: int) -> tuple[int, int]:
        return self.prediction.shape(side)

    def at(self, side: int, pixels: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        points, confidence = self.prediction.at(side, pixels)
        return points * self._factors(), confidence

    def dense(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        found = self.prediction.dense(side)
        return None if found is None else (found[0] * self._factors(), found[1])

    def _factors(self) -> NDArray[np.float32]:
        return np.array([1, 1, self.ratio], dtype=np.float32)


def with_known_focals(
    observations: Observations, predictions: Sequence[PairPrediction], ratio: Array
) -> tuple[Observations, list[PairPrediction]]:
    """The points of every edge (i, j) stretched along the axis of photo i, so that they project where its pixels are.

    Points (x, y, z) that project with the focal f project to the same pixels with r f as (x, y, r z). ratio: (N,), r by
    photo; an edge with 1 stays as it is.
    """
    ratios = ratio[observations.edges[:, 0]]
    if (ratios == 1).all():
        return observations, list(predictions)
    points = observations.points * np.array([[1.0, 1.0, r] for r in ratios])[:, None, None]
    stretched = [
        prediction if r == 1 else Stretched(prediction, float(r))
        for prediction, r in zip(predictions, ratios, strict=True)
    ]
    return replace(observations, points=points), stretched
