"""Step 3c: all photos' poses together, every edge weighed by what its own kind of error is worth."""

import numpy as np
from numpy.typing import NDArray

from ..geometry.rotation import rotation_vector
from ..geometry.similarity import Similarity, similarity_from_twist
from .block_system import Matrix, block_matrix, solve
from .observations import Array
from .relative import Relative

ROUNDS = 30
CONVERGED = 1e-5
SHARES = (1.0, 0.5, 0.25, 0.125, 0.03, 0.01)  # of a step, tried in turn
ROUNDING = 1e-12  # of the cost
FREEDOM = 4.0  # of Student's t: edges further off than about twice the usual lose their pull
FLOOR = 1e-4  # radians, relative lengths, log scales: nobody's errors are smaller
TURN, PLACE, SCALE = slice(0, 3), slice(3, 6), slice(6, 7)
KINDS = (TURN, PLACE, SCALE)


def residuals(relative: Relative, poses: Similarity) -> Array:
    """(E, 7): how edge and world differ: turn (radians), place of the edge's pivot over its distance, log scale.

    The pivot is the middle of the points that fixed the edge: errors of the turn leave it where it is, so that the
    three kinds of error are about independent.
    """
    (i, j), edge = relative.edges.T, relative.pose
    there, here = _arms(relative, poses)
    place = poses.translation[i] + there - poses.translation[j] - here
    turn = rotation_vector(poses.R[i] @ edge.R @ poses.R[j].swapaxes(-1, -2))
    scale = np.log(poses.scale[i] * edge.scale / poses.scale[j])
    return np.concatenate([turn, place / np.linalg.norm(there, axis=-1)[:, None], scale[:, None]], axis=1)


def _arms(relative: Relative, poses: Similarity) -> tuple[Array, Array]:
    """From both cameras of every edge to its pivot, world axes: as the edge has it from i, as the world from j."""
    i, j = relative.edges.T
    seen = relative.pose.apply(relative.pivot[:, None])[:, 0]
    return tuple(
        poses.scale[n, None] * np.einsum("eab,eb->ea", poses.R[n], point)
        for n, point in ((i, seen), (j, relative.pivot))
    )


def join_poses(relative: Relative, start: Similarity, held: NDArray[np.bool_]) -> Similarity:
    """The poses (N,) that minimise  sum_e log(1 + sum_k q r_k^2 / spread_k^2 / FREEDOM),  r the residuals of E edges.

    q: the edges' quality, over the best. The three spreads, of turns, places and scales, are estimated along with the
    poses (Student's t with FREEDOM), so nothing has to be known of the errors beforehand. `start` must be within
    reach; held: (N, 7), what stays as it is there, of turn, shift and log scale.
    """
    poses, quality = start, (relative.quality / relative.quality.max())[:, None]
    for _ in range(ROUNDS):
        lacking = residuals(relative, poses)
        spread, pull = edge_errors(lacking, quality)
        weight = pull[:, None] * quality / spread**2
        step = _step(*normal_equations(relative, poses, lacking, weight), held)
        moved = _downhill(relative, poses, step, held, quality / spread**2)
        if moved is None:
            break
        poses = moved
        if np.abs(step).max() < CONVERGED:
            break
    return poses


def _downhill(
    relative: Relative, poses: Similarity, step: Array, held: NDArray[np.bool_], precision: Array
) -> Similarity | None:
    """The poses after as much of the step as does not raise the cost at these precisions (E, 7); None if none does."""

    def cost(world: Similarity) -> float:
        return float(np.log1p((precision * residuals(relative, world) ** 2).sum(1) / FREEDOM).sum())

    bound = cost(poses) * (1 + ROUNDING)
    with np.errstate(over="ignore", invalid="ignore"):  # a runaway step costs inf or NaN
        moves = (_moved(poses, share * step, held) for share in SHARES)
        return next((moved for moved in moves if cost(moved) <= bound), None)


def edge_errors(lacking: Array, quality: Array) -> tuple[Array, Array]:
    """Standard deviations (7,) of an edge of quality 1, from residuals (E, 7), and the pull of every edge, (E,)."""
    pull = 1 / (1 + (lacking**2 * quality / np.maximum(np.median(quality * lacking**2, axis=0), FLOOR**2)).mean(1))
    spread = np.full(7, FLOOR)
    for _ in range(10):
        for kind in KINDS:
            spread[kind] = np.sqrt((pull[:, None] * quality * lacking[:, kind] ** 2).mean()) + FLOOR
        far = (quality * lacking**2 / spread**2).sum(1)
        pull = (FREEDOM + lacking.shape[1]) / (FREEDOM + far)
    return spread, pull


def jacobians(relative: Relative, poses: Similarity, lacking: Array) -> Array:
    """(2, E, 7, 7): how the residuals (E, 7), which are `lacking`, move with the unknowns of photos i and j.

    Unknowns: turn about the camera's centre (3), shift (3), log scale.
    """
    J = np.zeros((2, len(lacking), 7, 7))
    there, here = _arms(relative, poses)
    unit = np.linalg.norm(there, axis=-1)[:, None, None]
    eye = np.eye(3)
    for side, arm, sign in ((0, there, 1.0), (1, here, -1.0)):
        J[side, :, TURN, TURN] = sign * eye
        J[side, :, PLACE, TURN] = -sign * _cross(arm) / unit
        J[side, :, PLACE, PLACE] = sign * eye / unit
        J[side, :, PLACE, 6] = sign * arm / unit[:, 0]
        J[side, :, 6, 6] = sign
    # Unit and axes of a place's error go with photo i: otherwise all edges together would shrink the world.
    J[0, :, PLACE, 6] -= lacking[:, PLACE]
    J[0, :, PLACE, TURN] += _cross(lacking[:, PLACE])
    return J


def normal_equations(relative: Relative, poses: Similarity, lacking: Array, weight: Array) -> tuple[Matrix, Array]:
    """Curvature (7N, 7N) and slope (7N,) of half the squares of residuals (E, 7) weighted by (E, 7)."""
    J, (i, j), count = jacobians(relative, poses, lacking), relative.edges.T, len(poses.scale)
    slope, blocks = np.zeros((count, 7)), []
    for a, m in ((0, i), (1, j)):
        weighted = J[a].swapaxes(-1, -2) * weight[:, None, :]
        np.add.at(slope, m, np.einsum("eab,eb->ea", weighted, lacking))
        blocks += [weighted @ J[0], weighted @ J[1]]
    rows, columns = np.concatenate([i, i, j, j]), np.concatenate([i, j, i, j])
    return block_matrix(count, rows, columns, np.concatenate(blocks)), slope.ravel()


def _step(curvature: Matrix, slope: Array, held: NDArray[np.bool_]) -> Array:
    """(N, 7): the Gauss-Newton step."""
    free = np.flatnonzero(~held)
    step = np.zeros(held.size)
    step[free] = solve(curvature[free][:, free], -slope[free])
    return step.reshape(held.shape)


def _cross(v: Array) -> Array:
    """(..., 3, 3): matrices of v x."""
    zero = np.zeros_like(v[..., 0])
    x, y, z = np.moveaxis(v, -1, 0)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*v.shape, 3)


def _moved(poses: Similarity, step: Array, held: NDArray[np.bool_]) -> Similarity:
    """The poses after steps (N, 7): turn, shift of the centre, log scale, as one motion of space about each photo.

    Photos with one motion in common keep their places to each other exactly, however far they go: the far end of a
    chain follows a correction in its middle without being bent. What is held stays to the last bit.
    """
    turn, growth = step[:, TURN], step[:, 6]
    shift = step[:, PLACE] - np.cross(turn, poses.translation) - growth[:, None] * poses.translation
    moved = similarity_from_twist(turn, shift, growth).compose(poses)
    return Similarity(
        np.where(held[:, 6], poses.scale, moved.scale),
        np.where(held[:, TURN].all(1)[:, None, None], poses.R, moved.R),
        np.where(held[:, PLACE], poses.translation, moved.translation),
    )
