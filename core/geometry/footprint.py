"""How much of a surface each pixel of a depth map covers."""

import numpy as np
from numpy.typing import NDArray

REACH = 2  # pixels on both sides, between which the surface's slant is measured
STEEPEST = 4.0  # most that a pixel covers of a slanted surface, of what it would if that faced the pixel's ray


def footprints(depth: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
    """(H, W), units of depth: the side of a square as large as what each pixel covers; NaN or 0 without a depth.

    depth: (H, W), z; x: (W,), y: (H,): the pixels' rays (x, y, 1), evenly spaced, at least two of one. Where log depth
    has the gradient g by x and y, the surface is z^2 |(-gx, -gy, 1 + gx x + gy y)| times as large as a step.
    """
    steps = [float(axis[1] - axis[0]) if len(axis) > 1 else 0.0 for axis in (x, y)]
    across, down = (np.float32(step or max(steps)) for step in steps)
    columns = x.astype(np.float32)[None, :]
    rows = y.astype(np.float32)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(depth)
        gx = _slope(log, 1) / across
        gy = _slope(log, 0) / down
        slant = np.sqrt(gx**2 + gy**2 + (1 + gx * columns + gy * rows) ** 2)
    return depth * np.sqrt(across * down * np.nan_to_num(slant, nan=1.0).clip(1, STEEPEST))


def _slope(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Change per pixel along an axis."""
    count = values.shape[axis]
    before, after = (np.clip(np.arange(count) + shift, 0, count - 1) for shift in (-REACH, REACH))
    shape = [1, 1]
    shape[axis] = count
    return (values.take(after, axis) - values.take(before, axis)) / np.float32((after - before).clip(1)).reshape(shape)
