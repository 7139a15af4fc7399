"""How far found cameras are from the true ones, free of the choice of world: the field's usual figures."""

import numpy as np
from numpy.typing import NDArray

from ..geometry.rotation import rotation_angle
from ..geometry.similarity import Similarity

Array = NDArray[np.float64]


def pair_errors(found: Array, true: Array) -> tuple[Array, Array]:
    """Errors of relative rotation and of translation direction of all pairs i < j, degrees: cam2world (N, 4, 4) twice.

    A pair whose true distance is zero has no direction and counts with error 0; a found distance of zero with 180.
    """
    i, j = np.triu_indices(len(true), 1)
    a, b = (np.linalg.inv(poses[i]) @ poses[j] for poses in (found, true))
    rotation = np.degrees(rotation_angle(a[:, :3, :3].swapaxes(-1, -2) @ b[:, :3, :3])) if len(i) else np.zeros(0)
    return rotation, _direction_errors(a[:, :3, 3], b[:, :3, 3])


def auc(errors: Array, threshold: float) -> float:
    """Exact area under the share of errors below x, for x from 0 to the threshold, in percent."""
    return float(100 * np.clip(1 - errors / threshold, 0, None).mean())


def pose_metrics(found: Array, true: Array) -> dict[str, float]:
    """AUC at 5, 10, 30 degrees of the larger error of a pair; RRA@15, RTA@15; mAA(30): all in percent.

    found, true: cam2world (N, 4, 4), N >= 2. mAA(30): mean over 1, ..., 30 degrees of the share of pairs below.
    """
    return summarise_errors(*pair_errors(found, true))


def summarise_errors(rotation: Array, direction: Array) -> dict[str, float]:
    """The figures of `pose_metrics` from errors of pairs, degrees: (P,) twice, P >= 1."""
    larger = np.maximum(rotation, direction)
    return {
        "auc5": auc(larger, 5),
        "auc10": auc(larger, 10),
        "auc30": auc(larger, 30),
        "rra15": float(100 * (rotation < 15).mean()),
        "rta15": float(100 * (direction < 15).mean()),
        "maa30": float(np.mean([100 * (larger < degrees).mean() for degrees in range(1, 31)])),
    }


def align_cameras(found: Array, true: Array) -> tuple[Similarity, Array, Array]:
    """The similarity that carries the found cameras onto the true ones, and what remains.

    Rotation: the mean of R_true R_found^T; scale and shift: least squares of the centres. Returns the similarity,
    rotation errors in degrees (N,) and centre errors in the true world's units (N,).
    """
    turned = (true[:, :3, :3] @ found[:, :3, :3].swapaxes(-1, -2)).sum(0)
    U, _, Vt = np.linalg.svd(turned)
    R = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    a, b = found[:, :3, 3] @ R.T, true[:, :3, 3]
    from_mean, to_mean = a - a.mean(0), b - b.mean(0)
    length = (from_mean**2).sum()
    scale = max(float((from_mean * to_mean).sum() / length), 1e-12) if length > 0 else 1.0
    move = Similarity(np.array(scale), R, b.mean(0) - scale * a.mean(0))
    rotation = np.degrees(rotation_angle(true[:, :3, :3].swapaxes(-1, -2) @ R @ found[:, :3, :3]))
    return move, rotation, np.linalg.norm(move.apply(found[:, :3, 3]) - b, axis=-1)


def placed_photos(found: Array, true: Array, component: NDArray[np.int_], degrees: float = 15) -> int:
    """How many of N photos are placed: the greatest number that one of them agrees on, itself included.

    A photo agrees with another of the same component (N,) when the turn between them and the direction from it to
    the other, in its own axes, are both off by less than `degrees`. 0 where no two agree. cam2world (N, 4, 4) twice.
    """
    most = 0
    for k in range(len(true)):
        a, b = (np.linalg.inv(poses[k]) @ poses for poses in (found, true))
        rotation = np.degrees(rotation_angle(a[:, :3, :3].swapaxes(-1, -2) @ b[:, :3, :3]))
        error = np.maximum(rotation, _direction_errors(a[:, :3, 3], b[:, :3, 3]))
        most = max(most, int(((error < degrees) & (component == component[k])).sum()))
    return most if most > 1 else 0


def _direction_errors(a: Array, b: Array) -> Array:
    cross, dot = np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)
    degrees = np.degrees(np.arctan2(cross, dot))
    lost = np.linalg.norm(a, axis=-1) == 0
    return np.where(np.linalg.norm(b, axis=-1) == 0, 0.0, np.where(lost, 180.0, degrees))
