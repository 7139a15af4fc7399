"""The one rotation that turns many orientations into many others."""

from typing import Any

import numpy as np
import roma
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_turn(source: Array, target: Array) -> Array:
    """The rotation R (3, 3) that minimises sum |R source_n - target_n|^2 (Frobenius), of rotations (N, 3, 3) twice.

    It is the one nearest to the sum of target_n source_n^T.
    """
    R: Any = roma.special_procrustes(torch.from_numpy((target @ source.swapaxes(-1, -2)).sum(0)))
    return R.numpy()
