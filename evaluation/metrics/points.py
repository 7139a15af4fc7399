"""How far found points are from the true ones."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def point_errors(found: Array, true: Array, depth: Array) -> Array:
    """|p - P| / D in percent: how far points are off, as parts of how deep in the photo they truly lie -> (N,).

    found, true: (N, 3) in the true world; depth: (N,), true, > 0.
    """
    return 100 * np.linalg.norm(found - true, axis=-1) / depth
