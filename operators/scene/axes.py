"""From the reconstruction's axes to Blender's: world (x, y, z) to (x, z, -y), cameras OpenCV to OpenGL."""

import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...core.reconstruction.result import PointCloud, Reconstruction
from ...core.world.transform import OPENGL_TO_OPENCV, WORLD_TO_Z_UP, turned


def blender_points(reconstruction: Reconstruction) -> PointCloud:
    """All kept points, in Blender's world: cameras are turned and not their points, which saves a copy of them."""
    return turned(reconstruction, WORLD_TO_Z_UP).point_cloud()


def blender_camera(cam2world: NDArray[np.float64]) -> Matrix:
    """(4, 4) rigid cam2world to the `matrix_world` of a Blender camera that stands and looks alike."""
    return Matrix((WORLD_TO_Z_UP @ cam2world @ OPENGL_TO_OPENCV).tolist())
