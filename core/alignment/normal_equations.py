"""The Gauss-Newton step of the alignment: every edge is eliminated, so the system has only the photos' unknowns.

Unknowns of a photo: turn about its centre (3), shift (3), log of its depths' common scale, log focal, principal point
(2). Of an edge: turn about its own origin (3), shift (3), log scale. A residual r = chi - y moves by
  turn x q + shift + scale q + log_focal h + shift_of_centre_x a + shift_of_centre_y b     (photo; q = chi - centre)
  - (turn x v + shift + scale v)                                                         (edge; v = y - origin)
so it is linear in z = (q, v, h, a, b, 1, r) with constant coefficients, and the weighted second moments of z
(22 numbers a pixel, summed once) hold the whole of J^T W J and J^T W r.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, diags_array

from . import block_system
from .block_system import Matrix, block_matrix
from .observations import Array, Indices

PHOTO, EDGE = 10, 7  # unknowns
FOCAL, CENTRE = 7, slice(8, 10)  # which of a photo's
BLOCKS = ("q", "v", "h", "a", "b", "r")
MOMENTS = 3 * len(BLOCKS) + 1
P, S = slice(0, PHOTO), slice(PHOTO, PHOTO + EDGE)


def _coefficients() -> Array:
    """(3, PHOTO + EDGE + 1, MOMENTS): axis of the residual, unknown (last: the residual itself), entry of z."""
    at = {name: 3 * k for k, name in enumerate(BLOCKS)}
    K, one = np.zeros((3, PHOTO + EDGE + 1, MOMENTS)), MOMENTS - 1
    cross = np.zeros((3, 3, 3))  # (turn x q)_a = cross[a, k, b] turn_k q_b
    for a, k, b in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        cross[a, k, b], cross[a, b, k] = 1, -1
    axes = np.arange(3)
    K[:, 0:3, at["q"] : at["q"] + 3], K[axes, 3 + axes, one], K[axes, 6, at["q"] + axes] = cross, 1, 1
    for unknown, name in ((FOCAL, "h"), (8, "a"), (9, "b"), (PHOTO + EDGE, "r")):
        K[axes, unknown, at[name] + axes] = 1
    K[:, PHOTO : PHOTO + 3, at["v"] : at["v"] + 3] = -cross
    K[axes, PHOTO + 3 + axes, one], K[axes, PHOTO + 6, at["v"] + axes] = -1, -1
    return K


_PRODUCTS = np.einsum("akm,aln->klmn", _coefficients(), _coefficients()).reshape(-1, MOMENTS**2)


def moments(parts: dict[str, Array], weight: Array) -> Array:
    """(..., M, M): the weighted second moments of z over pixels; parts: BLOCKS -> (..., P, 3); weight (..., P)."""
    ones = np.ones((*weight.shape, 1))
    z = np.concatenate([np.broadcast_to(parts[name], (*weight.shape, 3)) for name in BLOCKS] + [ones], axis=-1)
    return (z * weight[..., None]).swapaxes(-1, -2) @ z


def squares(moment: Array) -> Array:
    """(..., U, U) with U = PHOTO + EDGE + 1: the normal equations of each set of moments, residual last."""
    unknowns = PHOTO + EDGE + 1
    return (moment.reshape(-1, MOMENTS**2) @ _PRODUCTS.T).reshape(*moment.shape[:-2], unknowns, unknowns)


@dataclass(frozen=True, slots=True)
class Quadratic:
    """Half a squared residual and what else is known, around the present world."""

    blocks: Array  # (E, 2, U, U): normal equations per edge and side, from `squares`
    edges: Indices  # (E, 2)
    curvature: Array  # (N, PHOTO): a diagonal prior on the photos; infinite fixes an unknown
    slope: Array  # (N, PHOTO): its gradient
    edge_slope: Array  # (E, EDGE): an extra linear term
    focal_group: Indices  # (N,): photos of one group move their log focals together


def solve(quadratic: Quadratic, damping: float) -> tuple[Array, Array]:
    """The steps (N, PHOTO) and (E, EDGE) to the minimum, damped by a share of the diagonal (Levenberg-Marquardt)."""
    edges, blocks = quadratic.edges, quadratic.blocks
    inner = blocks[:, :, S, S].sum(1)
    smallest = 1e-12 * np.trace(inner, axis1=1, axis2=2)[:, None, None]
    inverse = np.linalg.inv(inner + (damping * inner + smallest) * np.eye(EDGE))
    inner_slope = blocks[:, :, S, -1].sum(1) + quadratic.edge_slope
    cross = blocks[:, :, P, S]
    system, slope = _eliminated(quadratic, cross, inverse, inner_slope, damping)
    photo = _solve_free(system, slope, quadratic)
    known = sum(np.einsum("epk,ep->ek", cross[:, side], photo[edges[:, side]]) for side in (0, 1))
    return photo, -np.einsum("ekl,el->ek", inverse, inner_slope + known)


def _eliminated(
    quadratic: Quadratic, cross: Array, inverse: Array, inner_slope: Array, damping: float
) -> tuple[Matrix, Array]:
    """The photos' system, PHOTO unknowns each, and slope (N, PHOTO) with the edges solved for (Schur complement)."""
    edges, blocks, count = quadratic.edges, quadratic.blocks, len(quadratic.slope)
    own, slope = np.zeros((count, PHOTO, PHOTO)), quadratic.slope.copy()
    coupling = cross @ inverse[:, None]
    for side in (0, 1):
        np.add.at(own, edges[:, side], blocks[:, side, P, P])
        np.add.at(slope, edges[:, side], blocks[:, side, P, -1])
        np.add.at(slope, edges[:, side], -np.einsum("epk,ek->ep", coupling[:, side], inner_slope))
    meeting = [(0, 0), (0, 1), (1, 0), (1, 1)]
    every = np.arange(count)
    rows, columns = (np.concatenate([every, *(edges[:, pair[k]] for pair in meeting)]) for k in (0, 1))
    taken = [-coupling[:, a] @ cross[:, b].swapaxes(-1, -2) for a, b in meeting]
    blocks = np.concatenate([own * (1 + damping * np.eye(PHOTO)), *taken])
    return block_matrix(count, rows, columns, blocks), slope


def _solve_free(system: Matrix, slope: Array, quadratic: Quadratic) -> Array:
    free = np.isfinite(quadratic.curvature)
    column = np.arange(free.size).reshape(free.shape)
    column[:, FOCAL] = column[quadratic.focal_group, FOCAL]
    unknowns, place = np.unique(column[free], return_inverse=True)
    shape = (free.size, len(unknowns))
    basis = coo_array((np.ones(len(place)), (np.flatnonzero(free), place)), shape=shape).tocsr()
    system = system + diags_array(np.where(free, quadratic.curvature, 0).ravel())
    return (basis @ block_system.solve(basis.T @ system @ basis, -(basis.T @ slope.ravel()))).reshape(free.shape)
