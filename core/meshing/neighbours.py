"""Which neighbouring pixels of a photo lie on one surface."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.result import AlignedView

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

JUMP = 4.0  # pixels' widths that a depth may be off the surface before it and off the one behind, both gone on straight


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Of each pixel: whether it and the next one in a direction lie on one surface; never where one has no depth."""

    right: Mask  # (H, W - 1)
    below: Mask  # (H - 1, W)
    falls: Mask  # (H - 1, W - 1), of four pixels the diagonal from the upper left is the flatter one, or the only one

    @property
    def any(self) -> Mask:
        """(H, W): pixels that lie on one surface with a neighbour in their row or column."""
        found = np.pad(self.right, ((0, 0), (0, 1))) | np.pad(self.right, ((0, 0), (1, 0)))
        return found | np.pad(self.below, ((0, 1), (0, 0))) | np.pad(self.below, ((1, 0), (0, 0)))

    @property
    def whole(self) -> Mask:
        """(H - 1, W - 1): four pixels that all lie on one surface."""
        return self.right[:-1] & self.right[1:] & self.below[:, :-1] & self.below[:, 1:]


def find_neighbours(view: AlignedView, kept: Mask, max_slope: float) -> Neighbours:
    """Neighbours among the pixels that `kept` (H, W) names, at finite depths above 0.

    Two hang together where the surface between them is less than max_slope degrees from facing the camera, and one
    side at least, gone on straight, meets the other. A plane thus stays whole however it slants, and a small step is
    cut though it is not steep.
    """
    inverse = np.where(kept, 1 / np.where(kept, view.depth, 1).astype(np.float64), np.nan)
    width, height = np.array(view.mapping.scale) / (view.K[0, 0], view.K[1, 1])  # of a pixel, of its depth
    steepest = math.tan(math.radians(max_slope))
    falling, rising = (np.abs(other[1:, 1:] - other[:-1, :-1]) for other in (inverse, inverse[:, ::-1]))
    return Neighbours(
        _connected(inverse, (1, 0), width, steepest),
        _connected(inverse, (0, 1), height, steepest),
        ~(rising[:, ::-1] < falling) & ~np.isnan(falling),
    )


def _connected(inverse: Floats, step: tuple[int, int], width: float, slope: float) -> Mask:
    """Whether each pixel and the one a step (columns, rows) further lie on one surface.

    inverse: (H, W), 1 / depth, NaN for none: straight lines of it are planes. width: of the step, as a share of the
    depth. Returns (H - rows, W - columns).
    """
    columns, rows = step
    height, across = inverse.shape
    padded = np.pad(inverse, ((rows, rows), (columns, columns)), constant_values=np.nan)

    def at(k: int) -> Floats:
        """The pixel k steps after the first of each two."""
        y, x = (1 + k) * rows, (1 + k) * columns
        return padded[y : y + height - rows, x : x + across - columns]

    before, first, second, after = (at(k) for k in (-1, 0, 1, 2))
    rise = np.abs(second - first)
    unit = width * np.minimum(first, second)  # of 1 / depth: the depth changes by the step's own width
    miss = np.fmin(np.abs(second - 2 * first + before), np.abs(first - 2 * second + after))
    return (np.fmin(miss, rise) <= JUMP * unit) & (rise <= slope * unit)
