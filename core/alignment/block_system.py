"""Systems of equations whose unknowns, some per photo, meet only where an edge joins two photos."""

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array, diags_array, eye_array
from scipy.sparse.linalg import splu

from .observations import Array, Indices

Matrix = Array | csr_array

DENSE_UNTIL = 400  # unknowns: below, dense matrices are quicker whatever the graph
FULL = 0.15  # share of entries that are not 0, from which a dense solver is quicker
RIDGE = 1e-12  # of the diagonal: keeps unknowns that nothing fixes where they are


def block_matrix(count: int, rows: Indices, columns: Indices, blocks: Array) -> Matrix:
    """(count K, count K): the sum of blocks (M, K, K), each at its block row and column, (M,)."""
    size = blocks.shape[-1]
    if count * size <= DENSE_UNTIL:
        matrix = np.zeros((count, count, size, size))
        np.add.at(matrix, (rows, columns), blocks)
        return matrix.transpose(0, 2, 1, 3).reshape(count * size, count * size)
    unknowns = np.arange(size)
    row = np.broadcast_to((rows[:, None] * size + unknowns)[:, :, None], blocks.shape)
    column = np.broadcast_to((columns[:, None] * size + unknowns)[:, None, :], blocks.shape)
    return coo_array((blocks.ravel(), (row.ravel(), column.ravel())), shape=(count * size, count * size)).tocsr()


def solve(matrix: Matrix, right: Array) -> Array:
    """x with matrix x = right, for a symmetric matrix without negative eigenvalues: (U, U) and (U,) or (U, K)."""
    scale = 1 / np.sqrt(np.maximum(matrix.diagonal(), np.finfo(np.float64).tiny))
    scaled = (right.T * scale).T
    if isinstance(matrix, np.ndarray):
        found = _solve_dense(matrix * scale[:, None] * scale, scaled)
    else:
        even = (diags_array(scale) @ matrix @ diags_array(scale)).tocsc()
        full = even.nnz > FULL * len(scale) ** 2
        found = _solve_dense(even.toarray(), scaled) if full else _solve_sparse(even, scaled)
    return (found.T * scale).T


def _solve_dense(matrix: Array, right: Array) -> Array:
    return np.linalg.solve(matrix + RIDGE * np.eye(len(matrix)), right)


def _solve_sparse(matrix: csc_array, right: Array) -> Array:
    """By factors that stay sparse: the order of the pivots is the graph's, not that of the largest entries."""
    ridge = RIDGE * eye_array(len(right), format="csc")
    options = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    return splu(matrix + ridge, **options).solve(right)
