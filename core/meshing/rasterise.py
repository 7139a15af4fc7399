"""Which pixels triangles cover, without a graphics card."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

AT_ONCE = 1 << 21  # pixels that are looked at together
EDGE = 1e-9  # a centre on an edge belongs to both triangles


@dataclass(frozen=True, slots=True)
class Covered:
    """Pairs of a triangle and a pixel whose centre lies in it, (M,) each."""

    triangles: Indices
    rows: Indices
    columns: Indices
    weights: Floats  # (M, 3), of the triangle's corners at the pixel's centre; they sum to 1


def cover(corners: Floats, size: tuple[int, int]) -> Iterator[Covered]:
    """The pixels of a picture of `size` (width, height) that triangles cover, a limited number at a time.

    corners: (T, 3, 2) as (x, y), pixel centres at .5; triangles that are not finite cover nothing.
    """
    finite = np.flatnonzero(np.isfinite(corners).all(axis=(1, 2)))
    low = np.clip(np.ceil(corners[finite].min(axis=1) - 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(corners[finite].max(axis=1) - 0.5), -1, np.array(size) - 1).astype(np.int64)
    extent = high - low + 1
    some = np.flatnonzero((extent > 0).all(axis=1))
    if not len(some):
        return
    boxes = np.exp2(np.ceil(np.log2(extent[some]))).astype(np.int64)  # few different ones
    order = np.lexsort(boxes.T)
    changes = np.flatnonzero((np.diff(boxes[order], axis=0) != 0).any(axis=1)) + 1
    for alike in np.split(order, changes):
        box = boxes[alike[0]]
        count = max(1, AT_ONCE // int(np.prod(box)))
        for begin in range(0, len(alike), count):
            chosen = some[alike[begin : begin + count]]
            yield _covered(corners, finite[chosen], low[chosen], high[chosen], box)


def _covered(corners: Floats, triangles: Indices, low: Indices, high: Indices, box: Indices) -> Covered:
    """Of triangles whose pixels are between low and high (T, 2), both included, and no more than `box` each way."""
    across, down = np.meshgrid(np.arange(box[0]), np.arange(box[1]))
    x, y = low[:, :1] + across.ravel(), low[:, 1:] + down.ravel()
    weights = _barycentric(corners[triangles], x + 0.5, y + 0.5)
    inside = (weights >= -EDGE).all(axis=-1) & (x <= high[:, :1]) & (y <= high[:, 1:])
    which, _ = np.nonzero(inside)
    return Covered(triangles[which], y[inside], x[inside], weights[inside])


def _barycentric(corners: Floats, x: Floats, y: Floats) -> Floats:
    """(T, N, 3) weights of the corners (T, 3, 2) at points (T, N); NaN where a triangle has no area."""
    a, b, c = (corners[:, k, None] for k in range(3))
    (bx, by), (cx, cy), (px, py) = ((p[..., 0], p[..., 1]) for p in (b - a, c - a, np.stack([x, y], axis=-1) - a))
    with np.errstate(divide="ignore", invalid="ignore"):
        area = bx * cy - by * cx
        v, w = (px * cy - py * cx) / area, (bx * py - by * px) / area
    return np.stack([1 - v - w, v, w], axis=-1)


def depth_buffer(corners: Floats, depth: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W): depth of the nearest triangle at each pixel's centre, infinite where there is none.

    corners: (T, 3, 2) pixels of size (width, height); depth: (T, 3), above 0, of the corners.
    """
    width, height = size
    nearest = np.full(width * height, np.inf, np.float32)
    for part in cover(corners, size):
        inverse = (part.weights / depth[part.triangles]).sum(axis=1)  # 1 / depth is straight in the picture
        np.minimum.at(nearest, part.rows * width + part.columns, (1 / inverse).astype(np.float32))
    return nearest.reshape(height, width)
