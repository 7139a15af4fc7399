"""Step 3b: one world out of all relative poses: robust averages of rotations, then scales, then positions."""

from collections.abc import Callable

import numpy as np

from ..geometry.rotation import rotation_from_vector, rotation_vector
from ..geometry.similarity import Similarity, weighted_median
from .block_system import block_matrix, solve
from .observations import Array, Indices
from .relative import Relative

ROUNDS = 50
CONVERGED = 1e-9
NOISE = 0.01  # of rotation (rad), log scale, position / scale: disagreements below are never outliers


def average_poses(relative: Relative, start: Similarity) -> Similarity:
    """The similarities (s_n, R_n, c_n) of N photos that minimise, one after the other and with Cauchy's rho,

    sum_e q rho(angle(R_i R_e, R_j)), sum_e q rho(log(s_i s_e / s_j)) and sum_e q rho(|c_i + s_i R_i t_e - c_j| / s_i),
    q the quality of an edge. `start`, (N,), must be within reach: the spanning tree's world.
    """
    (i, j), pose, quality = relative.edges.T, relative.pose, relative.quality / relative.quality.max()
    steps = np.log(pose.scale)[:, None]

    def turned(R: Array) -> Array:
        return rotation_vector(R[i] @ pose.R @ R[j].swapaxes(-1, -2))

    R = _average(start.R, turned, lambda R, step: rotation_from_vector(step) @ R, relative.edges, quality, NOISE)
    logs = _average(np.log(start.scale)[:, None], lambda x: x[i] + steps - x[j], np.add, relative.edges, quality, NOISE)
    scale = np.exp(logs[:, 0])
    moves = scale[i, None] * np.einsum("eab,eb->ea", R[i], pose.translation)
    unit = scale[i, None]
    centre = _average(
        start.translation,
        lambda c: (c[i] + moves - c[j]) / unit,
        lambda c, step: c + step,
        relative.edges,
        quality,
        NOISE,
        unit,
    )
    return Similarity(scale, R, centre)


def _average(
    state: Array,
    residual: Callable[[Array], Array],
    move: Callable[[Array, Array], Array],
    edges: Indices,
    quality: Array,
    noise: float,
    unit: Array | float = 1.0,
) -> Array:
    """Iteratively reweighted least squares over the graph: residuals (E, K), what j lacks of what i foretells.

    The kernel starts wide and narrows (graduated non-convexity): the tree's own edges fit by construction, and a
    narrow kernel would take them for the only good ones.
    """
    widest = float(np.linalg.norm(residual(state), axis=-1).max())
    for narrowing in range(ROUNDS):
        lacking = residual(state)
        size = np.linalg.norm(lacking, axis=-1)
        width = max(noise, 1.5 * float(weighted_median(size, quality)), 2 * widest * 0.7**narrowing)
        pull = quality / (1 + (size / width) ** 2) / np.broadcast_to(unit, (len(edges), 1))[:, 0] ** 2
        step = _solve_graph(len(state), edges, lacking * unit, pull)
        state = move(state, step)
        if np.abs(step).max() < CONVERGED:
            break
    return state


def _solve_graph(count: int, edges: Indices, wanted: Array, weight: Array) -> Array:
    """The values x (N, K), x_0 = 0, minimising sum_e weight |wanted - (x_j - x_i)|^2 (a graph Laplacian)."""
    i, j = edges.T
    pull = (weight / weight.max())[:, None]
    rows, columns = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
    laplacian = block_matrix(count, rows, columns, np.concatenate([pull, pull, -pull, -pull])[..., None])
    right = np.zeros((count, wanted.shape[1]))
    np.add.at(right, j, pull * wanted)
    np.add.at(right, i, -pull * wanted)
    x = np.zeros_like(right)
    x[1:] = solve(laplacian[1:, 1:], right[1:])
    return x
