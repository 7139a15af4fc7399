"""The essential matrices that five matches allow, many fives at once."""

import numpy as np
from numpy.typing import NDArray

from .epipolar import CROSS

Array = NDArray[np.float64]

# Monomials of x, y, z as exponents: cubic ones first, then what they are reduced to.
LINEAR = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)]
QUADRATIC = [
    (2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 2, 0), (0, 1, 1), (0, 0, 2), *LINEAR,
]  # fmt: skip
CUBIC = [
    (3, 0, 0), (2, 1, 0), (2, 0, 1), (1, 2, 0), (1, 1, 1), (1, 0, 2), (0, 3, 0), (0, 2, 1), (0, 1, 2), (0, 0, 3),
    *QUADRATIC,
]  # fmt: skip
REAL = 1e-6  # imaginary part, relative, below which a root counts as real
SINGULAR = 1e-16  # least pivot, relative to the greatest


def _products(left: list[tuple[int, ...]], right: list[tuple[int, ...]], into: list[tuple[int, ...]]) -> Array:
    """(left, right, into): 1 where the product of two monomials is the third."""
    table = np.zeros((len(left), len(right), len(into)))
    for p, a in enumerate(left):
        for q, b in enumerate(right):
            table[p, q, into.index(tuple(m + n for m, n in zip(a, b, strict=True)))] = 1
    return table


SQUARE, CUBE = _products(LINEAR, LINEAR, QUADRATIC), _products(QUADRATIC, LINEAR, CUBIC)


def five_point_matrices(rays_a: Array, rays_b: Array) -> Array:
    """All E (K, 3, 3) that sets of five matched rays allow (Nister 2004, solved as by Stewenius et al. 2006).

    rays_a, rays_b: (M, 5, 3), camera directions, five matches a row. Of degenerate sets, such as a camera's that only
    turned, it is some that they allow.
    """
    products = np.einsum("mpi,mpj->mpij", rays_b, rays_a).reshape(-1, 5, 9)
    basis = np.linalg.svd(products)[2][:, 5:].reshape(-1, 4, 3, 3)  # E = x X + y Y + z Z + W
    constraints = _constraints(basis)
    reduced = _solve(constraints[..., :10], constraints[..., 10:])
    action = np.zeros((len(basis), 10, 10))  # of multiplying the ten lower monomials by x
    action[:, :6] = -reduced[:, :6]
    action[:, [6, 7, 8, 9], [0, 1, 2, 6]] = 1
    values, vectors = np.linalg.eig(action)
    last = vectors[:, 9]
    real = (np.abs(values.imag) < REAL * (1 + np.abs(values.real))) & (np.abs(last) > 1e-12)
    found, root = np.nonzero(real)
    x_y_z = (vectors[found, 6:9, root] / last[found, root, None]).real
    E = np.einsum("ka,kaij->kij", np.concatenate([x_y_z, np.ones((len(found), 1))], axis=1), basis[found])
    return E / np.linalg.norm(E, axis=(-2, -1), keepdims=True)


def _solve(A: Array, B: Array) -> Array:
    """(M, n, k): A^-1 B of (M, n, n) and (M, n, k); singular A count as nearly so."""
    Q, R = np.linalg.qr(A)
    pivots = np.abs(np.diagonal(R, axis1=1, axis2=2))
    least = SINGULAR * pivots.max(axis=1, keepdims=True, initial=np.finfo(float).tiny / SINGULAR)
    R += np.eye(A.shape[-1]) * np.where(pivots < least, least, 0.0)[:, None]
    return np.linalg.solve(R, Q.swapaxes(1, 2) @ B)


def _constraints(basis: Array) -> Array:
    """(M, 10, 20): det E = 0 and 2 E E^T E = trace(E E^T) E, as coefficients of CUBIC."""
    E = np.moveaxis(basis, 1, -1)  # (M, 3, 3, 4), coefficients of LINEAR
    squared = np.einsum("miap,mjaq,pqr->mijr", E, E, SQUARE, optimize=True)
    trace = np.einsum("miir->mr", squared)
    squared = 2 * squared - trace[:, None, None] * np.eye(3)[None, :, :, None]
    trifocal = np.einsum("mijr,mjkp,rps->miks", squared, E, CUBE, optimize=True).reshape(-1, 9, 20)
    minors = np.einsum("ijk,mjp,mkq,pqr->mir", CROSS, E[:, 1], E[:, 2], SQUARE, optimize=True)
    determinant = np.einsum("mir,mip,rps->ms", minors, E[:, 0], CUBE, optimize=True)
    return np.concatenate([trifocal, determinant[:, None]], axis=1)
