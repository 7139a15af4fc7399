"""Two photos: their relative pose in closed form, by PnP in both directions."""

import numpy as np

from ..geometry.pnp import solve_pnp
from ..geometry.rotation import rotation_from_vector, rotation_vector
from ..geometry.similarity import Similarity, weighted_median
from .canonical import Canonical
from .observations import Array, Observations
from .relative import relative_poses


def two_view_poses(observations: Observations, canonical: Canonical, seed: int) -> Similarity:
    """The poses (2,) of both canonical pointmaps in the frame and units of photo 0's.

    Each edge (i, j) gives camera j's pose in i's frame by PnP between X^{j,i} and j's pixels, which errors along j's
    rays do not touch (registration if no camera fits). Two edges are averaged by score: turn, log scale, position.
    """
    poses = []
    for e, (i, _) in enumerate(observations.edges):
        pose = _pnp_pose(observations, canonical, e, seed)
        if pose is None:
            one = observations.of(np.arange(2), np.array([e]))
            pose = relative_poses(one, canonical, lambda: None).pose[0]
        poses.append(pose if i == 0 else pose.inverse())
    mean = _mean(poses, observations.score / observations.score.sum())
    return Similarity(
        np.array([1.0, float(mean.scale)]), np.stack([np.eye(3), mean.R]), np.stack([np.zeros(3), mean.translation])
    )


def _pnp_pose(observations: Observations, canonical: Canonical, e: int, seed: int) -> Similarity | None:
    """Canonical j to canonical i along edge e = (i, j)."""
    (i, j), (own, other), (own_weight, weight) = (
        observations.edges[e],
        observations.points[e],
        observations.weight[e],
    )
    weight = weight * (canonical.weight[j] > 0)
    camera = solve_pnp(
        other,
        observations.pixels[j],
        weight,
        canonical.principal_point[j],
        observations.sizes[j],
        float(canonical.focal[j]),
        seed=seed,
    )
    if camera is None:
        return None
    R, centre = camera.cam2world[:3, :3], camera.cam2world[:3, 3]
    unit = _depth_ratio(own[:, 2], canonical.depth[i], own_weight * (canonical.weight[i] > 0))
    scale = _depth_ratio(((other - centre) @ R)[:, 2], canonical.depth[j], weight)
    return Similarity(np.array(scale / unit), R, centre / unit)


def _depth_ratio(found: Array, canonical: Array, weight: Array) -> float:
    ahead = np.where(found > 0, weight, 0)
    return float(weighted_median(np.where(ahead > 0, found, 1) / canonical, ahead))


def _mean(poses: list[Similarity], share: Array) -> Similarity:
    base = poses[int(np.argmax(share))].R
    turns = np.stack([rotation_vector(base.T @ pose.R) for pose in poses])
    scale = np.exp(share @ np.log([float(pose.scale) for pose in poses]))
    centre = share @ np.stack([pose.translation for pose in poses])
    return Similarity(np.array(scale), base @ rotation_from_vector(share @ turns), centre)
