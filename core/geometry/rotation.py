"""Rotations as matrices: the way to and from axis times angle, and the angle between two."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


def rotation_from_vector(vector: Array) -> Array:
    """exp: axis times angle (radians), (..., 3), to rotation matrices (..., 3, 3)."""
    flat = np.asarray(vector, dtype=np.float64).reshape(-1, 3)
    return Rotation.from_rotvec(flat).as_matrix().reshape(*np.shape(vector), 3)


def rotation_vector(R: Array) -> Array:
    """log: rotation matrices (..., 3, 3) to axis times angle in [0, pi], (..., 3)."""
    return Rotation.from_matrix(np.reshape(R, (-1, 3, 3))).as_rotvec().reshape(np.shape(R)[:-1])


def rotation_angle(R: Array) -> Array:
    """The angle of each rotation in [0, pi]: (..., 3, 3) -> (...); exact near 0 and pi, unlike arccos of the trace."""
    return np.linalg.norm(rotation_vector(R), axis=-1)
