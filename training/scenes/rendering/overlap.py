"""Which views see the same points."""

import numpy as np

from ..scene import Cameras, Floats, Ints
from .compiled import compiled

TOLERANCE = 0.04  # of the depth, when asking whether a point is the one that is seen


def overlaps(cameras: Cameras, points: Floats, surface: Ints) -> Floats:
    """For views i, j the share of view j's pixels whose point view i sees as well, (V, V)."""
    return _overlaps(points, surface, np.linalg.inv(cameras.cam2world), cameras.K)


@compiled
def _overlaps(points, surface, world2cam, K):
    views, height, width = surface.shape
    depth = np.zeros((views, height, width))
    for i in range(views):
        for y in range(height):
            for x in range(width):
                p = points[i, y, x]
                m = world2cam[i, 2]
                depth[i, y, x] = m[0] * p[0] + m[1] * p[1] + m[2] * p[2] + m[3] if surface[i, y, x] >= 0 else 1e30
    shares = np.zeros((views, views), np.float32)
    for i in range(views):
        m = world2cam[i]
        for j in range(views):
            count = 0
            for p, s in zip(points[j].reshape(-1, 3), surface[j].ravel()):  # noqa: B905  compiled: no keywords
                if s < 0:
                    continue
                z = m[2, 0] * p[0] + m[2, 1] * p[1] + m[2, 2] * p[2] + m[2, 3]
                if z <= 0.0:
                    continue
                u = (m[0, 0] * p[0] + m[0, 1] * p[1] + m[0, 2] * p[2] + m[0, 3]) / z * K[i, 0, 0] + K[i, 0, 2]
                v = (m[1, 0] * p[0] + m[1, 1] * p[1] + m[1, 2] * p[2] + m[1, 3]) / z * K[i, 1, 1] + K[i, 1, 2]
                if 0.0 <= u < width and 0.0 <= v < height:
                    count += abs(depth[i, int(v), int(u)] - z) < TOLERANCE * z
            shares[i, j] = count / (height * width)
    return shares
