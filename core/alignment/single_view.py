"""A photo that no edge joins to another: its own camera frame is the world, its own pointmaps the geometry."""

import numpy as np

from ..geometry.similarity import Similarity, register_robustly, weighted_median
from .canonical import Canonical, canonical_points
from .objective import World
from .observations import Array, Indices, Observations


def lone_world(observations: Observations, canonical: Canonical, photo: int) -> tuple[World, Indices]:
    """The world of one photo, and the edges that its frames are of.

    Edges where the photo is first differ from its camera's frame in scale alone; without any, those where it is second
    are registered to the canonical pointmap that PnP gave.
    """
    first, second = ((observations.edges[:, s] == photo) & (observations.weight[:, s] > 0).any(-1) for s in (0, 1))
    ahead = observations.weight[:, 0] * (observations.points[:, 0, :, 2] > 0)
    first &= ahead.any(-1)
    own = canonical.of(np.array([photo]))
    if not own.known[0]:
        edges, frames = np.zeros(0, dtype=np.int64), _scaled(np.zeros(0))
    elif first.any():
        edges = np.flatnonzero(first)
        ratio = np.where(ahead[edges] > 0, observations.points[edges, 0, :, 2], 1) / own.depth
        frames = _scaled(1 / weighted_median(ratio, ahead[edges]))
    else:
        edges = np.flatnonzero(second)
        target = canonical_points(own, observations.pixels[[photo]]).repeat(len(edges), axis=0)
        spread = np.linalg.norm(target, axis=-1)
        frames, _ = register_robustly(observations.points[edges, 1], target, observations.weight[edges, 1], spread)
    return World(np.eye(3)[None], np.zeros((1, 3)), own.focal, own.principal_point, own.depth, frames), edges


def _scaled(scale: Array) -> Similarity:
    count = len(scale)
    return Similarity(scale, np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
