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
    """(M,): matches within `error` pixels of their epipolar lines and in front of both cameras.

    first, second: (M, 2), pixels; relative: (4, 4), from the first camera's frame to the second's.
    """
    near = epipolar_distance(first, second, relative, K_first, K_second) < error
    turned, y = _rays(first, K_first) @ relative[:3, :3].T, _rays(second, K_second)
    t = relative[:3, 3]
    if not np.linalg.norm(t) > 0:
        return near
    # depths a and b of the nearest points of the rays a R x + t and b y, times the positive |x|^2 |y|^2 - (x y)^2
    xx, yy, xy = (turned**2).sum(1), (y**2).sum(1), (turned * y).sum(1)
    xt, yt = turned @ t, y @ t
    room = 1e-9 * np.linalg.norm(t) * (xx * yy - xy**2)
    return near & (xy * yt - yy * xt > -room) & (xx * yt - xy * xt > -room)


def epipolar_distance(first: Array, second: Array, relative: Array, K_first: Array, K_second: Array) -> Array:
    """(M,), pixels: Sampson's distance of matches from their epipolar lines (Hartley and Zisserman, eq. 11.9).

    Of cameras in one place the distance of the turned pixel, infinite behind the camera. Arguments as for `agreeing`.
    """
    R, t = relative[:3, :3], relative[:3, 3]
    x, y = _rays(first, K_first), _rays(second, K_second)
    if not np.linalg.norm(t) > 0:
        pixels = x @ R.T @ K_second.T
        ahead = np.where(pixels[:, 2] > 0, pixels[:, 2], np.nan)
        return np.nan_to_num(np.linalg.norm(pixels[:, :2] / ahead[:, None] - second, axis=1), nan=np.inf)
    t = t / np.linalg.norm(t)
    E = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]]) @ R
    on_second, on_first = x @ E.T, y @ E  # epipolar lines
    slopes = ((on_second[:, :2] / [K_second[0, 0], K_second[1, 1]]) ** 2).sum(1)
    slopes = slopes + ((on_first[:, :2] / [K_first[0, 0], K_first[1, 1]]) ** 2).sum(1)
    return np.abs((y * on_second).sum(1)) / np.sqrt(np.maximum(slopes, 1e-24))


def _rays(pixels: Array, K: Array) -> Array:
    """(M, 3), of unit depth."""
    return np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(K).T
