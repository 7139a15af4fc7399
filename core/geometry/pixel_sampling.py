"""The pixels of a photo that stand for all of them. Imports no torch."""

import numpy as np
from numpy.typing import NDArray

KEPT = 512  # of every predicted pointmap: the most that the alignment looks at


def spread(size: tuple[int, int], count: int) -> NDArray[np.int64]:
    """Flat indices of `count` pixels spread evenly without a grid's regularity (Roberts' R2 sequence).

    size: (width, height). Fewer are a start of more. A photo of fewer pixels gives all of them; the rest repeat its
    last.
    """
    area = size[0] * size[1]
    if area <= count:
        return np.minimum(np.arange(count), area - 1)
    plastic = 1.32471795724474602596  # the real root of x^3 = x + 1
    steps = np.arange(1, count + 1)[:, None] * np.array([1 / plastic, 1 / plastic**2])
    x, y = ((0.5 + steps) % 1 * np.array(size)).astype(np.int64).T
    return y * size[0] + x
