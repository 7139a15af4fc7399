"""Which pixels of two photos show the same point of the scene: each other's nearest in 3-D. Imports no torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ..images.pixel_mapping import PixelMapping
from ..reconstruction.result import AlignedView

Indices = NDArray[np.int64]

SURE = 0.5  # share of a pointmap, the most confident, that is matched unless told


@dataclass(frozen=True, slots=True)
class Pointmap:
    """Where the pixels of one photo are, in whatever frame its partner's are too."""

    points: NDArray[Any]  # (P, 3), of all network pixels, row by row
    confidence: NDArray[Any]  # (P,), >= 1
    usable: NDArray[np.bool_] | None = None  # (P,), False: left out; None: all

    def chosen(self, min_confidence: float | None) -> Indices:
        """The flat pixels to match: finite, usable and at or above a confidence; None: the surest SURE of them."""
        kept = np.isfinite(self.points).all(-1) & np.isfinite(self.confidence)
        if self.usable is not None:
            kept &= self.usable
        if min_confidence is None:
            min_confidence = float(np.quantile(self.confidence[kept], 1 - SURE)) if kept.any() else 1.0
        return np.flatnonzero(kept & (self.confidence >= min_confidence))


@dataclass(frozen=True, slots=True)
class Matches:
    """M pairs of pixels, of photos a and b, that show the same point; in the order of a's pixels."""

    at_a: Indices  # (M,), flat network pixels
    at_b: Indices  # (M,)
    confidence: NDArray[Any]  # (M,), >= 1: the lesser of both pixels'

    def pixels(self, a: PixelMapping, b: PixelMapping) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Their centres in both photos, photo pixels: (M, 2) twice."""
        return a.photo_pixels().reshape(-1, 2)[self.at_a], b.photo_pixels().reshape(-1, 2)[self.at_b]

    def thinned(self, count: int) -> "Matches":
        """At most so many of them, evenly over photo a."""
        chosen = np.linspace(0, max(len(self.at_a) - 1, 0), min(count, len(self.at_a))).astype(np.int64)
        return Matches(self.at_a[chosen], self.at_b[chosen], self.confidence[chosen])


def match_pointmaps(a: Pointmap, b: Pointmap, min_confidence: float | None = None) -> Matches:
    """The pixels whose points are mutual nearest neighbours, among those of both photos that are confident enough.

    min_confidence: on the network's scale from 1; None: the surest SURE of each photo.
    """
    at_a, at_b = a.chosen(min_confidence), b.chosen(min_confidence)
    first, second = mutual_nearest(a.points[at_a], b.points[at_b])
    at_a, at_b = at_a[first], at_b[second]
    return Matches(at_a, at_b, np.minimum(a.confidence[at_a], b.confidence[at_b]))


def match_views(a: AlignedView, b: AlignedView, min_confidence: float | None = None) -> Matches:
    """The matches of two photos of one world, by where their own pixels are in it (`match_pointmaps`)."""
    map_a, map_b = (
        Pointmap(view.world_points().reshape(-1, 3), view.confidence.ravel(), view.kept().ravel()) for view in (a, b)
    )
    return match_pointmaps(map_a, map_b, min_confidence)


def mutual_nearest(a: NDArray[Any], b: NDArray[Any]) -> tuple[Indices, Indices]:
    """The rows of a (M, 3) and of b (N, 3) that are each other's nearest, in the order of a's; all must be finite."""
    if not len(a) or not len(b):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    to_b, to_a = (np.asarray(KDTree(to).query(of)[1], dtype=np.int64) for of, to in ((a, b), (b, a)))
    mutual = np.flatnonzero(to_a[to_b] == np.arange(len(a)))
    return mutual, to_b[mutual]
