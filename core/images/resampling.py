"""Resizing by area and by cubic interpolation, as Depth Anything 3 was trained to see its photos. Imports no torch.

Both are separable. Area: an output pixel is the mean over the source rectangle that it covers. Cubic: four taps with
a = -0.75, pixel centres at .5, edge pixels repeated, nothing smoothed before. These are OpenCV's INTER_AREA and
INTER_CUBIC to one level; Pillow's filters of these names differ.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

ROWS = 32  # of the output that are worked out at once: what is at hand of a large photo
A = -0.75  # of the cubic kernel

Size = tuple[int, int]


def resized(colors: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Colours (H, W, C) at another (width, height): cubic where either side grows, else by area."""
    height, width = colors.shape[:2]
    if size == (width, height):
        return colors
    weights = cubic_weights if size[0] > width or size[1] > height else area_weights
    across, down = weights(width, size[0]), weights(height, size[1])
    result = np.empty((size[1], size[0], colors.shape[2]), np.uint8)
    for start in range(0, size[1], ROWS):
        some = down[start : start + ROWS]
        first, last = int(some.indices.min()), int(some.indices.max()) + 1
        source = colors[first:last].reshape(last - first, -1).astype(np.float64)
        rows = (some[:, first:last] @ source).reshape(some.shape[0], width, -1)
        both = across @ rows.transpose(1, 0, 2).reshape(width, -1)
        block = both.reshape(size[0], some.shape[0], -1).transpose(1, 0, 2)
        result[start : start + ROWS] = np.rint(np.round(block, 6)).clip(0, 255)
    return result


def area_weights(count: int, to: int) -> csr_matrix:
    """(to, count): the share of each of so many pixels in each of fewer, at their fractional borders too."""
    edges = np.arange(to + 1) * (count / to)
    first, last = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:] - 1e-9).astype(int).clip(max=count)
    lengths = last - first
    row = np.repeat(np.arange(to), lengths)
    column = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths) + first[row]
    share = np.minimum(column + 1, edges[row + 1]) - np.maximum(column, edges[row])
    return csr_matrix((share / (count / to), (row, column)), shape=(to, count))


def cubic_weights(count: int, to: int) -> csr_matrix:
    """(to, count): the weights of the four pixels around each output pixel's centre; beyond the edge its pixel."""
    centre = (np.arange(to) + 0.5) * (count / to) - 0.5
    base = np.floor(centre).astype(int)
    taps = base[:, None] + np.arange(-1, 3)
    row = np.repeat(np.arange(to), 4)
    weight = _kernel(np.abs(centre[:, None] - taps)).ravel()
    return csr_matrix((weight, (row, taps.clip(0, count - 1).ravel())), shape=(to, count))


def _kernel(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel."""
    near = ((A + 2) * distance - (A + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * A - 4 * A
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))
