"""Step 2: of every edge (i, j), where photo j's own pointmap lies in photo i's."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.similarity import Similarity, register_robustly, weighted_median
from .canonical import Canonical, canonical_points
from .observations import Array, Indices, Observations

FEWEST_POINTS = 8  # that both an edge and a canonical pointmap know, for an edge to be of use
FLAT = 1e-6  # spread over size, below which points are one point
CHUNK = 64  # edges registered at a time
EXACT = 0.01  # misfit, relative to distance, below which edges count as equally good


@dataclass(frozen=True, slots=True)
class Relative:
    """E edges: `pose` carries j's canonical pointmap into i's canonical frame and units."""

    edges: Indices  # (E, 2)
    pose: Similarity  # (E,)
    quality: Array  # (E,), > 0: mean log confidence over squared misfit, about the inverse of a variance


def usable_edges(observations: Observations, canonical: Canonical) -> NDArray[np.bool_]:
    """(E,): between two different photos, with enough points on both sides that their pointmaps know too.

    Points that are all in one place fix no similarity and do not count.
    """
    known = (observations.weight > 0) & (canonical.weight[observations.edges] > 0)
    scattered = observations.points.std(2).max(-1) > FLAT * np.abs(observations.points).max((2, 3))
    enough = (known.sum(-1) >= FEWEST_POINTS) & scattered
    return enough.all(-1) & (observations.edges[:, 0] != observations.edges[:, 1])


def relative_poses(observations: Observations, canonical: Canonical, step: Callable[[], None]) -> Relative:
    """Per edge the similarity S = (s / a, R, t / a), with a the scale of the edge against i's canonical pointmap:

    a        = weighted median of X^i_z / d_i
    s, R, t  = argmin sum_px w log(1 + (|X^j - s R Y_j - t| / (k |X^j|))^2), Y_j the canonical pointmap of j.
    Every edge must be usable (`usable_edges`). Calls `step` after every few edges.
    """
    parts = []
    for start in range(0, len(observations.edges), CHUNK):
        parts.append(_register(observations, canonical, slice(start, start + CHUNK)))
        step()
    scale, R, translation, misfit = (np.concatenate(column) for column in zip(*parts, strict=True))
    sure = np.sqrt(observations.weight.mean(-1).prod(-1))
    return Relative(observations.edges, Similarity(scale, R, translation), sure / (misfit**2 + EXACT**2))


def _register(observations: Observations, canonical: Canonical, chunk: slice) -> tuple[Array, ...]:
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
