"""Step 2: of every edge (i, j), where photo j's own pointmap lies in photo i's."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..geometry.ray_registration import register_along_rays
from ..geometry.similarity import Similarity, register_robustly, weighted_median
from .canonical import Canonical, canonical_points, fuse_depths
from .observations import Array, Indices, Observations

FEWEST_POINTS = 8  # that both an edge and a canonical pointmap know, for an edge to be of use
FLAT = 1e-6  # spread over size, below which points are one point
CHUNK = 16  # edges registered at a time: what fits the processor's cache
ROUGH = 6  # robust rounds before the two kinds of error are told apart
EXACT = 0.01  # misfit, relative to distance, below which edges count as equally good


@dataclass(frozen=True, slots=True)
class Relative:
    """E edges: `pose` carries j's canonical pointmap into i's canonical frame and units."""

    edges: Indices  # (E, 2)
    pose: Similarity  # (E,)
    quality: Array  # (E,), > 0, about the inverse of a variance: root of mean log confidence over squared misfit
    misfit: Array  # (E,), geometric mean of a point's errors across and along its ray, over its distance
    pivot: Array  # (E, 3), the middle of the points that fix the pose, in j's canonical frame


def usable_edges(observations: Observations, canonical: Canonical) -> NDArray[np.bool_]:
    """(E,): between two different photos, with enough points on both sides that their pointmaps know too.

    Points that are all in one place fix no similarity and do not count.
    """
    known = (observations.weight > 0) & (canonical.weight[observations.edges] > 0)
    scattered = observations.points.std(2).max(-1) > FLAT * np.abs(observations.points).max((2, 3))
    enough = (known.sum(-1) >= FEWEST_POINTS) & scattered
    return enough.all(-1) & (observations.edges[:, 0] != observations.edges[:, 1])


def relative_poses(
    observations: Observations, canonical: Canonical, step: Callable[[], None], start: Similarity | None = None
) -> Relative:
    """Per edge the similarity S = (s / a, R, t / a), with a the scale of the edge against i's canonical pointmap:

    a        = weighted median of X^i_z / d_i
    s, R, t  = argmin sum_px w log(1 + m^2 / k), m the residual X^j - s R Y_j - t over its distance to camera i, split
               into the parts across and along j's rays, each over its own spread (errors of depth are the greater).
    Y_j is the canonical pointmap of j. `start`: (E,), earlier poses. Every edge must be usable (`usable_edges`).
    Calls `step` after every few edges.
    """
    parts = []
    for first in range(0, len(observations.edges), CHUNK):
        chunk = slice(first, first + CHUNK)
        parts.append(_register(observations, canonical, chunk, None if start is None else start[chunk]))
        step()
    scale, R, translation, misfit, pivot = (np.concatenate(column) for column in zip(*parts, strict=True))
    sure = np.sqrt(observations.weight.mean(-1).prod(-1))
    return Relative(
        observations.edges, Similarity(scale, R, translation), np.sqrt(sure / (misfit**2 + EXACT**2)), misfit, pivot
    )


def with_every_view(observations: Observations, canonical: Canonical, relative: Relative) -> Canonical:
    """The canonical depths again, now from the edges where a photo is second too: S^-1 (X^j / a) lies in j's frame.

    The edges' own errors of pose do not enter, since every edge is undone by its own S.
    """
    depth, weight = canonical.depth.copy(), canonical.weight.copy()
    unit = edge_scales(observations, canonical)
    back = relative.pose.inverse().apply(observations.points[:, 1] / unit[:, None, None])[..., 2]
    sure = observations.weight * np.stack([observations.points[:, 0, :, 2] > 0, back > 0], axis=1)
    seen = np.stack([observations.points[:, 0, :, 2], back], axis=1)
    for photo in range(len(depth)):
        e, side = np.nonzero(observations.edges == photo)
        if len(e):
            depth[photo], weight[photo] = fuse_depths(seen[e, side], sure[e, side])
    return replace(canonical, depth=depth, weight=weight)


def edge_scales(observations: Observations, canonical: Canonical) -> Array:
    """The scale a of every edge against its first photo's canonical pointmap, (E,)."""
    i = observations.edges[:, 0]
    z = observations.points[:, 0, :, 2]
    ahead = observations.weight[:, 0] * (canonical.weight[i] > 0) * (z > 0)
    return weighted_median(np.where(ahead > 0, z, 1.0) / canonical.depth[i], ahead)


def _register(
    observations: Observations, canonical: Canonical, chunk: slice, start: Similarity | None
) -> tuple[Array, ...]:
    part = replace(
        observations,
        edges=observations.edges[chunk],
        points=observations.points[chunk],
        weight=observations.weight[chunk],
    )
    unit = edge_scales(part, canonical)
    j = part.edges[:, 1]
    target, weight = part.points[:, 1] / unit[:, None, None], part.weight[:, 1] * (canonical.weight[j] > 0)
    distance = np.linalg.norm(target, axis=-1)
    spread = np.maximum(distance, 0.1 * weighted_median(distance, weight)[:, None])
    source = canonical_points(canonical, observations.pixels)[j]
    if start is None:
        start, _ = register_robustly(source, target, weight, spread, iterations=ROUGH)
    fit = register_along_rays(source, target, weight, spread, start)
    return fit.pose.scale, fit.pose.R, fit.pose.translation, np.sqrt(fit.across * fit.along), fit.pivot
