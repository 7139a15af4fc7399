"""Colours of patches made to meet: photos of one thing differ in exposure (Lempitsky and Ivanov 2007, section 4)."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import cg

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

SMOOTH = 10.0  # how much more a change between neighbours within a patch costs than the same step left at a seam
ANCHOR = 0.1  # what it costs to change a colour at all
EXPOSURE = 40.0  # grey levels: patches that differ by more at a seam show different things there
PRECISE = 1e-3  # of the solution, relative
ROUNDS = 400


def level(colors: Floats, vertices: Numbers, edges: Numbers) -> Floats:
    """(N, 3): what is to be added to the colours (N, 3) that patches have at their vertices.

    vertices: (N,), equal numbers are one vertex in several patches. edges: (E, 2), rows of neighbours in one patch.
    Minimises the squared steps left at seams, SMOOTH times the squared changes along edges, and a little of all.
    """
    seams = _pairs_of_equal(vertices)
    seams = seams[np.abs(colors[seams[:, 0]] - colors[seams[:, 1]]).max(axis=1) <= EXPOSURE]
    across, along = _differences(seams, len(colors)), _differences(edges, len(colors))
    system = across.T @ across + SMOOTH * (along.T @ along) + diags_array(np.full(len(colors), ANCHOR))
    step = -(across.T @ (across @ colors))
    scale = diags_array(1 / system.diagonal())
    solved = [cg(system, step[:, k], rtol=PRECISE, maxiter=ROUNDS, M=scale)[0] for k in range(3)]
    return np.stack(solved, axis=1)


def _pairs_of_equal(numbers: Numbers) -> Numbers:
    """(S, 2): rows with equal numbers, each with the next."""
    order = np.argsort(numbers, kind="stable")
    same = np.flatnonzero(np.diff(numbers[order]) == 0)
    return np.stack([order[same], order[same + 1]], axis=1)


def _differences(pairs: Numbers, count: int) -> csr_array:
    """(M, N): takes N values to the differences of the pairs (M, 2)."""
    row = np.repeat(np.arange(len(pairs)), 2)
    value = np.tile([1.0, -1.0], len(pairs))
    return csr_array(coo_array((value, (row, pairs.ravel())), shape=(len(pairs), count)))
