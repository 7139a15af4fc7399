"""Depth from a photo's surest edges, brought level with what all its edges say of a spread of its pixels."""

import numpy as np
from numpy.typing import NDArray

from ..settings import Distance
from .pixel_depth import Candidates, Image, fit

REACH = 0.7  # of the distance between kept pixels: how far one speaks for its surroundings
MOST = 0.2  # log depth: where the two differ by more, an edge of something was hit


def levelled(
    depth: Image, size: tuple[int, int], pixels: NDArray[np.int64], seen: Candidates, distance: Distance
) -> Image:
    """The depth (H * W,) times a smooth factor that makes it agree with all edges at the kept pixels.

    Errors of pointmaps are smooth: the factor's log is the mean of the log ratios around, weighted by a Gaussian and
    by confidence. pixels: flat indices that `seen` is of; size: (width, height). A depth that is nowhere known
    becomes that of the kept pixels alone.
    """
    bare = not np.isfinite(depth).any()
    depth = np.ones_like(depth) if bare else depth
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(fit(seen, distance) / depth[pixels])
        usable = np.isfinite(ratio) & (bare | (np.abs(ratio) < MOST))
    weight = np.where(usable, seen.weight.sum(0), 0)
    row, column = _nearness(size, pixels)
    total = (row * weight) @ column.T
    share = (row * (weight * np.where(usable, ratio, 0))) @ column.T
    return depth * np.exp(share / np.maximum(total, np.finfo(np.float32).tiny)).reshape(-1)


def _nearness(size: tuple[int, int], pixels: NDArray[np.int64]) -> tuple[Image, Image]:
    """How near the kept pixels are to every row (H, P) and every column (W, P)."""
    radius = REACH * np.sqrt(size[0] * size[1] / len(pixels))
    row, column = (
        np.exp(-(((np.arange(side)[:, None] - at) / radius) ** 2) / 2)
        for side, at in zip(size[::-1], np.divmod(pixels, size[0]), strict=True)
    )
    return row.astype(np.float32), column.astype(np.float32)
