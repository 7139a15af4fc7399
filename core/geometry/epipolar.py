"""What matched pixels alone say of two cameras: the essential matrix E, with ray_b . E ray_a = 0, and its motions."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CROSS = np.moveaxis(np.cross(np.eye(3)[:, None], np.eye(3)), -1, 0)  # (a x b)_i = sum of CROSS_ijk a_j b_k


def essential_matrix(R: Array, t: Array) -> Array:
    """E (..., 3, 3) of the motion x_b = R x_a + t: R (..., 3, 3), t (..., 3)."""
    return np.einsum("ijk,...j,...kl->...il", CROSS, t, R)


def sampson_errors(E: Array, rays_a: Array, rays_b: Array) -> Array:
    """How far matches (P, 3), rays of unit depth, are from agreeing with E (..., 3, 3), to first order: (..., P)."""
    line_b, line_a = rays_a @ E.swapaxes(-1, -2), rays_b @ E
    off = (rays_b * line_b).sum(-1)
    steep = (line_b[..., :2] ** 2).sum(-1) + (line_a[..., :2] ** 2).sum(-1)
    return off / np.sqrt(np.maximum(steep, np.finfo(np.float64).tiny))


def depths(R: Array, t: Array, rays_a: Array, rays_b: Array) -> tuple[Array, Array]:
    """Of matches (P, 3), rays of unit depth: where the rays come nearest, as depths in a and in b, (P,) twice.

    x_b = R x_a + t. Not finite where the two rays are parallel.
    """
    turned = rays_a @ R.T
    aa, ab, bb = (turned**2).sum(-1), (turned * rays_b).sum(-1), (rays_b**2).sum(-1)
    at, bt = turned @ t, rays_b @ t
    with np.errstate(divide="ignore", invalid="ignore"):
        free = aa * bb - ab**2
        return (ab * bt - bb * at) / free, (aa * bt - ab * at) / free
