"""From the reconstruction's axes to Blender's: world (x, y, z) to (x, z, -y), cameras OpenCV to OpenGL."""

import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

WORLD_TO_BLENDER = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])  # both are right-handed; y and z turn round


def blender_points(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """(N, 3) in the reconstruction's world to (N, 3) in Blender's, exact: only order and sign change."""
    turned = np.empty(points.shape, np.float32)
    turned[:, 0], turned[:, 1] = points[:, 0], points[:, 2]
    np.negative(points[:, 1], out=turned[:, 2], casting="same_kind")
    return turned


def blender_camera(cam2world: NDArray[np.float64]) -> Matrix:
    """(4, 4) rigid cam2world to the `matrix_world` of a Blender camera that stands and looks alike."""
    return Matrix((WORLD_TO_BLENDER @ cam2world @ OPENGL_TO_OPENCV).tolist())
