"""From our axes to those of other programs: worlds with z up, cameras that look along -z. Imports no torch."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .reconstruction import Reconstruction

WORLD_TO_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])  # (x, y, z) to (x, z, -y)
OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])  # both are right-handed; y and z turn round


def turned(reconstruction: Reconstruction, turn: NDArray[np.float64]) -> Reconstruction:
    """The same in another world: turn (4, 4) leads from this one to that. Cameras carry their points along."""
    views = tuple(replace(view, cam2world=turn @ view.cam2world) for view in reconstruction.views)
    return replace(reconstruction, views=views)
