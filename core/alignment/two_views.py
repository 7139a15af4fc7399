"""Two photos: their relative pose in closed form, in the frame of the direction that the network is surer of."""

import numpy as np

from ..geometry.rotation import rotation_from_vector, rotation_vector
from ..geometry.similarity import Similarity
from .relative import Relative


def two_view_poses(relative: Relative) -> Similarity:
    """The poses (2,) of both canonical pointmaps: the mean of what the edges between two photos say, by quality.

    Rotation: mean in the tangent of the better one. Scale: geometric mean. Position: mean, in the first photo's units.
    """
    forward = [relative.pose[e] if i == 0 else relative.pose[e].inverse() for e, (i, _) in enumerate(relative.edges)]
    share = relative.quality / relative.quality.sum()
    best = forward[int(np.argmax(share))].R
    turn = sum(w * rotation_vector(best.T @ pose.R) for w, pose in zip(share, forward, strict=True))
    scale = np.exp(sum(w * np.log(pose.scale) for w, pose in zip(share, forward, strict=True)))
    centre = sum(w * pose.translation for w, pose in zip(share, forward, strict=True))
    R = best @ rotation_from_vector(np.asarray(turn))
    return Similarity(np.array([1.0, float(scale)]), np.stack([np.eye(3), R]), np.stack([np.zeros(3), centre]))
