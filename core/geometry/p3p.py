"""The poses that three points allow (Grunert 1841, in the form of Haralick et al. 1991), many triples at once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def three_point_poses(points: Array, rays: Array) -> tuple[Array, Array]:
    """All R (K, 3, 3), t (K, 3) with R X + t on the three rays, for every triple; degenerate triples give none.

    points: (M, 3, 3), world, three points a row; rays: (M, 3, 3), camera directions of any length.
    """
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    distances, triple = _distances(points, rays)
    return _absolute_orientation(points[triple], rays[triple] * distances[..., None])


def _distances(points: Array, rays: Array) -> tuple[Array, NDArray[np.int64]]:
    """How far the points are along their rays: (K, 3), and which triple each solution is of, (K,)."""
    a2, b2, c2 = (((points[:, i] - points[:, j]) ** 2).sum(-1) for i, j in ((1, 2), (0, 2), (0, 1)))
    cos_a, cos_b, cos_c = ((rays[:, i] * rays[:, j]).sum(-1) for i, j in ((1, 2), (0, 2), (0, 1)))
    usable = np.minimum(np.minimum(a2, b2), c2) > 1e-12 * np.maximum(np.maximum(a2, b2), c2)
    b2 = np.where(usable, b2, 1.0)
    p, q, r = (a2 - c2) / b2, (a2 + c2) / b2, c2 / b2
    quartic = np.stack(
        [
            (p - 1) ** 2 - 4 * r * cos_a**2,
            4 * (p * (1 - p) * cos_b - (1 - q) * cos_a * cos_c + 2 * r * cos_a**2 * cos_b),
            2 * (p**2 - 1 + 2 * p**2 * cos_b**2 + 2 * (1 - r) * cos_a**2 - 4 * q * cos_a * cos_b * cos_c)
            + 4 * (1 - a2 / b2) * cos_c**2,
            4 * (-p * (1 + p) * cos_b + 2 * (a2 / b2) * cos_c**2 * cos_b - (1 - q) * cos_a * cos_c),
            (1 + p) ** 2 - 4 * (a2 / b2) * cos_c**2,
        ],
        axis=-1,
    )
    v = _quartic_roots(quartic)
    p, cos_a, cos_b, cos_c, b2, usable = (x[:, None] for x in (p, cos_a, cos_b, cos_c, b2, usable))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = ((p - 1) * v**2 - 2 * p * cos_b * v + 1 + p) / (2 * (cos_c - v * cos_a))
        first = np.sqrt(b2 / (1 + v**2 - 2 * v * cos_b))
        distances = np.stack([first, u * first, v * first], axis=-1)
    solved = usable & (np.isfinite(distances) & (distances > 0)).all(-1)
    return distances[solved], np.nonzero(solved)[0]


def _quartic_roots(coefficients: Array) -> Array:
    """The real roots of quartics (M, 5), highest power first: (M, 4), NaN where a root is not real."""
    leading = coefficients[:, :1]
    size = np.abs(coefficients).max(-1, keepdims=True)
    good = (np.abs(leading) > 1e-12 * size) & np.isfinite(coefficients).all(-1, keepdims=True)
    companion = np.zeros((len(coefficients), 4, 4))
    companion[:, 0] = np.where(good, -coefficients[:, 1:] / np.where(good, leading, 1.0), 0.0)
    companion[:, [1, 2, 3], [0, 1, 2]] = 1.0
    roots = np.linalg.eigvals(companion)
    return np.where(good & (np.abs(roots.imag) < 1e-6 * (1 + np.abs(roots.real))), roots.real, np.nan)


def _absolute_orientation(world: Array, camera: Array) -> tuple[Array, Array]:
    """The rigid motion that carries three points (K, 3, 3) onto three others exactly as far apart."""
    frames = [_frame(corners) for corners in (world, camera)]
    R = frames[1] @ frames[0].swapaxes(-1, -2)
    return R, camera.mean(1) - np.einsum("kab,kb->ka", R, world.mean(1))


def _frame(corners: Array) -> Array:
    """The orthonormal axes (K, 3, 3), as columns, that three points span."""
    x = corners[:, 1] - corners[:, 0]
    z = np.cross(x, corners[:, 2] - corners[:, 0])
    x, z = x / np.linalg.norm(x, axis=-1, keepdims=True), z / np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)
