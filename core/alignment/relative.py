"""Step 2: of every edge (i, j), where photo j's own pointmap lies in photo i's."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..geometry.similarity import Similarity, register_robustly, weighted_median
from .canonical import Canonical, canonical_points
from .observations import Array, Indices, Observations

FEWEST_POINTS = 8  # that both an edge and a canonical pointmap know, for an edge to be of use
CHUNK = 256  # edges registered at a time
EXACT = 0.01  # misfit, relative to distance, below which edges count as equally good


@dataclass(frozen=True, slots=True)
class Relative:
    """E edges: `pose` carries j's canonical pointmap into i's canonical frame and units."""

    edges: Indices  # (E, 2)
    pose: Similarity  # (E,)
    quality: Array  # (E,), > 0: confidence over squared misfit, the inverse of a variance up to a constant

    def of(self, photos: Indices, edges: Indices) -> Self:
        """The part that these photos, renumbered from 0, and these edges between them make."""
        number = np.zeros(int(max(photos.max(), self.edges.max())) + 1, dtype=np.int64)
        number[photos] = np.arange(len(photos))
        return type(self)(number[self.edges[edges]], self.pose[edges], self.quality[edges])


def usable_edges(observations: Observations, canonical: Canonical) -> NDArray[np.bool_]:
    """(E,): between two different photos, with enough points on both sides that their pointmaps know too."""
    known = (observations.weight > 0) & (canonical.weight[observations.edges] > 0)
    return (known.sum(-1) >= FEWEST_POINTS).all(-1) & (observations.edges[:, 0] != observations.edges[:, 1])


def relative_poses(observations: Observations, canonical: Canonical) -> Relative:
    """Per edge the similarity S = (s / a, R, t / a), with a the scale of the edge against i's canonical pointmap:

    a        = weighted median of X^i_z / d_i
    s, R, t  = argmin sum_px w log(1 + (|X^j - s R Y_j - t| / (k |X^j|))^2), Y_j the canonical pointmap of j.
    Every edge must be usable (`usable_edges`).
    """
    chunks = np.array_split(np.arange(len(observations.edges)), -(-len(observations.edges) // CHUNK))
    parts = [_register(observations, canonical, chunk) for chunk in chunks]
    scale, R, translation, misfit = (np.concatenate(column) for column in zip(*parts, strict=True))
    sure = observations.weight.mean(-1).prod(-1)
    return Relative(observations.edges, Similarity(scale, R, translation), sure / (misfit**2 + EXACT**2))


def _register(observations: Observations, canonical: Canonical, chunk: Indices) -> tuple[Array, ...]:
    i, j = observations.edges[chunk].T
    points, weight = observations.points[chunk], observations.weight[chunk]
    weight = weight * (canonical.weight[observations.edges[chunk]] > 0)
    ahead = weight[:, 0] * (points[:, 0, :, 2] > 0)
    ratio = np.where(ahead > 0, points[:, 0, :, 2], 1.0) / canonical.depth[i]
    unit = weighted_median(ratio, ahead)
    target = points[:, 1]
    distance = np.linalg.norm(target, axis=-1)
    typical = weighted_median(distance, weight[:, 1])[:, None]
    source = canonical_points(canonical, observations.pixels)[j]
    found, misfit = register_robustly(source, target, weight[:, 1], np.maximum(distance, 0.1 * typical))
    return found.scale / unit, found.R, found.translation / unit[:, None], misfit
