"""From the reconstruction's axes to Blender's: world (x, y, z) to (x, z, -y), cameras OpenCV to OpenGL."""

from dataclasses import replace

import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...core.reconstruction import PointCloud, Reconstruction

WORLD_TO_BLENDER = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])  # both are right-handed; y and z turn round


def blender_points(reconstruction: Reconstruction) -> PointCloud:
    """All kept points, in Blender's world: cameras are turned and not their points, which saves a copy of them."""
    views = tuple(replace(view, cam2world=WORLD_TO_BLENDER @ view.cam2world) for view in reconstruction.views)
    return replace(reconstruction, views=views).point_cloud()


def blender_camera(cam2world: NDArray[np.float64]) -> Matrix:
    """(4, 4) rigid cam2world to the `matrix_world` of a Blender camera that stands and looks alike."""
    return Matrix((WORLD_TO_BLENDER @ cam2world @ OPENGL_TO_OPENCV).tolist())
