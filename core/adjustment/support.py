"""How many matches agree with given cameras: what decides between the photos' cameras and the network's."""

import numpy as np
from numpy.typing import NDArray

from ..features.matching import Matches

Array = NDArray[np.float64]


def support(matches: Matches, world2cam: Array, K: Array, error: float) -> NDArray[np.int64]:
    """(N,): of each photo, the matches within `error` pixels of their epipolar lines and in front of both cameras.

    world2cam: (N, 4, 4), NaN where a photo has no place; K: (N, 3, 3). Matches are those of the verified pairs, found
    without these cameras, so that models of different sources are measured alike.
    """
    counts = np.zeros(len(K), dtype=np.int64)
    for pair in matches.pairs:
        if np.isfinite(world2cam[[pair.i, pair.j]]).all():
            relative = world2cam[pair.j] @ np.linalg.inv(world2cam[pair.i])
            agree = int(agreeing(*matches.of(pair), relative, K[pair.i], K[pair.j], error).sum())
            counts[[pair.i, pair.j]] += agree
    return counts


def agreeing(
    first: Array, second: Array, relative: Array, K_first: Array, K_second: Array, error: float
) -> NDArray[np.bool_]:
    """(M,): matches within `error` pixels (Sampson's distance; Hartley and Zisserman, eq. 11.9) and in front of both.

    first, second: (M, 2), pixels; relative: (4, 4), from the first camera's frame to the second's; of cameras in one
    place the distance is that of the turned pixel.
    """
    R, t = relative[:3, :3], relative[:3, 3]
    x = np.column_stack([first, np.ones(len(first))]) @ np.linalg.inv(K_first).T
    y = np.column_stack([second, np.ones(len(second))]) @ np.linalg.inv(K_second).T
    turned = x @ R.T
    if not np.linalg.norm(t) > 0:
        pixels = turned @ K_second.T
        near = np.linalg.norm(pixels[:, :2] - second * pixels[:, 2:], axis=1) < error * pixels[:, 2]
        return near & (pixels[:, 2] > 0)
    t = t / np.linalg.norm(t)
    E = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]]) @ R
    on_second, on_first = x @ E.T, y @ E  # epipolar lines
    slopes = ((on_second[:, :2] / [K_second[0, 0], K_second[1, 1]]) ** 2).sum(1)
    slopes = slopes + ((on_first[:, :2] / [K_first[0, 0], K_first[1, 1]]) ** 2).sum(1)
    distance = np.abs((y * on_second).sum(1)) / np.sqrt(np.maximum(slopes, 1e-24))
    # depths a and b of the nearest points of the rays a R x + t and b y, times the positive |x|^2 |y|^2 - (x y)^2
    xx, yy, xy = (turned**2).sum(1), (y**2).sum(1), (turned * y).sum(1)
    xt, yt = turned @ t, y @ t
    room = xx * yy - xy**2
    ahead = (xy * yt - yy * xt > -1e-9 * room) & (xx * yt - xy * xt > -1e-9 * room)
    return (distance < error) & ahead
