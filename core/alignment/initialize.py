"""Step 3c: cameras, depths and edges of the objective out of averaged poses."""

from collections.abc import Callable

import numpy as np

from ..geometry.similarity import Similarity, register_robustly
from .canonical import Canonical, canonical_points
from .objective import World
from .observations import Observations
from .relative import edge_scales

CHUNK = 16
ROUNDS = 3  # from the frame of the edge's first photo


def place_world(observations: Observations, canonical: Canonical, poses: Similarity, step: Callable[[], None]) -> World:
    """The world where photo n's canonical pointmap lies at poses[n]; every edge is registered to it robustly.

    Every edge must be usable. Calls `step` after every few edges.
    """
    points = poses.apply(canonical_points(canonical, observations.pixels))
    spread = np.linalg.norm(points - poses.translation[:, None], axis=-1)
    known = canonical.weight > 0
    first = observations.edges[:, 0]
    near = Similarity(
        poses.scale[first] / edge_scales(observations, canonical), poses.R[first], poses.translation[first]
    )
    parts = []
    for start in range(0, len(observations.edges), CHUNK):
        chunk = slice(start, start + CHUNK)
        edges = observations.edges[chunk]
        weight = (observations.weight[chunk] * known[edges]).reshape(len(edges), -1)
        source, target = observations.points[chunk].reshape(len(edges), -1, 3), points[edges].reshape(len(edges), -1, 3)
        parts.append(
            register_robustly(source, target, weight, spread[edges].reshape(len(edges), -1), ROUNDS, near[chunk])[0]
        )
        step()
    frames = Similarity(*(np.concatenate([getattr(part, name) for part in parts]) for name in Similarity.__slots__))
    depth = canonical.depth * poses.scale[:, None]
    return World(poses.R, poses.translation, canonical.focal, canonical.principal_point, depth, frames)
