"""The one rotation that turns many orientations into many others. NumPy only."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_turn(source: Array, target: Array) -> Array:
    """The rotation R (3, 3) that minimises sum |R source_n - target_n|^2 (Frobenius), of rotations (N, 3, 3) twice.

    It is the one nearest to the sum of target_n source_n^T (orthogonal Procrustes, Kabsch's sign).
    """
    U, _, Vt = np.linalg.svd((target @ source.swapaxes(-1, -2)).sum(0))
    return U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
