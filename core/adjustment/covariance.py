"""How well observations determine cameras: the covariance of a bundle adjustment."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
ROBUST = 1.4826  # the standard deviation of normal errors over the median of their absolute values


class Spread(NamedTuple):
    """(N,) each; NaN for a camera that the observations do not determine."""

    turn: Array  # standard deviation of the rotation about its least certain axis, degrees
    shift: Array  # standard deviation of the centre along its least certain axis, of the median depth of its points


def camera_spread(
    world2cam: Array, K: Array, photo: NDArray[np.int64], pixel: Array, point: NDArray[np.int64], points: Array
) -> Spread:
    """Standard deviations of N cameras by the normal equations of their observations' reprojection errors.

    world2cam: (N, 4, 4), NaN where a photo has no place; K: (N, 3, 3), held; photo, point: (M,), of every observation;
    pixel: (M, 2); points: (P, 3). Errors are taken to be normal and equal in all pixels, with a standard deviation from
    their median. Points are free (Schur complement; Triggs et al. 2000, section 6.1). The world's place and scale,
    which no observation determines, are those in which all cameras are most certain (inner constraints, section 9.2).
    """
    count = len(world2cam)
    nothing = Spread(np.full(count, np.nan), np.full(count, np.nan))
    placed = np.flatnonzero(np.isfinite(world2cam[:, 0, 0]) & (np.bincount(photo, minlength=count) > 0))
    if len(placed) < 2:
        return nothing
    local = np.einsum("mij,mj->mi", world2cam[photo, :3, :3], points[point]) + world2cam[photo, :3, 3]
    if (local[:, 2] <= 0).any():
        seen = local[:, 2] > 0
        photo = photo[seen]
        pixel = pixel[seen]
        point = point[seen]
        local = local[seen]
    z = local[:, 2]
    off = K[photo][:, [0, 1], [0, 1]] * local[:, :2] / z[:, None] + K[photo][:, :2, 2] - pixel
    sigma = ROBUST * np.median(np.abs(off))
    unit = np.median(z)  # of length, so that turns and shifts are of like size
    on_local = np.zeros((len(z), 2, 3))
    on_local[:, [0, 1], [0, 1]] = K[photo][:, [0, 1], [0, 1]] / z[:, None]
    on_local[:, :, 2] = -K[photo][:, [0, 1], [0, 1]] * local[:, :2] / z[:, None] ** 2
    on_camera = np.concatenate([unit * on_local, on_local @ _cross(-local)], axis=2)  # shift, turn
    on_point = on_local @ world2cam[photo, :3, :3]
    number = np.full(count, -1)
    number[placed] = np.arange(len(placed))
    A = _blocks(on_camera, number[photo], len(placed))
    B = _blocks(on_point, point, len(points))
    inverses = np.linalg.pinv(_sums(on_point, point, len(points)), hermitian=True)
    rows = np.arange(len(points) + 1)
    freed = sparse.bsr_array((inverses, rows[:-1], rows), shape=(3 * len(points),) * 2).tocsr()
    coupling = A.T @ B
    normal = (A.T @ A - coupling @ freed @ coupling.T).toarray()
    values, vectors = np.linalg.eigh(normal)
    values = np.maximum(values[7:], np.finfo(float).tiny)  # seven directions move the world as a whole
    covariance = sigma**2 * (vectors[:, 7:] / values) @ vectors[:, 7:].T
    blocks = covariance.reshape(len(placed), 6, len(placed), 6)[np.arange(len(placed)), :, np.arange(len(placed))]
    depth = np.array([np.median(z[photo == index]) if (photo == index).any() else np.nan for index in placed])
    nothing.shift[placed] = unit * _largest(blocks[:, :3, :3]) / depth
    nothing.turn[placed] = np.degrees(_largest(blocks[:, 3:, 3:]))
    return nothing


def _largest(covariances: Array) -> Array:
    """(N,): standard deviations along the longest axes of (N, 3, 3)."""
    return np.sqrt(np.maximum(np.linalg.eigvalsh(covariances)[:, -1], 0))


def _cross(vectors: Array) -> Array:
    """(M, 3, 3): the matrices that give the cross product with each of (M, 3)."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.moveaxis(np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]), 2, 0)


def _sums(jacobians: Array, group: NDArray[np.int64], count: int) -> Array:
    """(count, K, K): of every group the sum of J^T J over its jacobians (M, 2, K)."""
    sums = np.zeros((count, jacobians.shape[2], jacobians.shape[2]))
    np.add.at(sums, group, np.einsum("mik,mil->mkl", jacobians, jacobians))
    return sums


def _blocks(jacobians: Array, column: NDArray[np.int64], count: int) -> sparse.csr_array:
    """(2 M, K count): jacobians (M, 2, K) below each other, each in its block of columns."""
    rows = np.arange(len(jacobians) + 1)
    shape = (2 * len(jacobians), jacobians.shape[2] * count)
    return sparse.bsr_array((jacobians, column, rows), shape=shape).tocsr()
