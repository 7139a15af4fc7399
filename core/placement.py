"""Where a photo stood in a solution. Imports no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """One photo's camera in a world, and how far it saw."""

    cam2world: NDArray[np.float64]  # (4, 4), rigid, OpenCV axes
    depth: float  # median of its depths, in that world
    component: int  # photos of different ones shared no world
