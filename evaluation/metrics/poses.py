"""How far found cameras are from the true ones, free of the choice of world: the field's usual figures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.geometry.mean_turn import mean_turn
from ...core.geometry.rotation import rotation_angle
from ...core.geometry.similarity import Similarity
from .thresholds import RECALLS

Array = NDArray[np.float64]


def pair_errors(found: Array, true: Array) -> tuple[Array, Array]:
    """Errors of relative rotation and of translation direction of all pairs i < j, degrees: cam2world (N, 4, 4) twice.

    The direction is that of camera j seen in camera i's axes, 0 to 180. A pair whose true distance is zero has none
    and counts with error 0; a found distance of zero with 180.
    """
    i, j = np.triu_indices(len(true), 1)
    return _relative_errors(found, true, i, j)


def published_pair_errors(found: Array, true: Array) -> tuple[Array, Array]:
    """The same as PoseDiffusion (Wang et al. 2023) counts on CO3D and RealEstate10K, whose protocol the paper follows.

    There the direction is that of camera i seen in camera j's axes, and opposite directions are one: 0 to 90. Photos
    without a camera are the caller's to count, after this.
    """
    i, j = np.triu_indices(len(true), 1)
    rotation, direction = _relative_errors(found, true, j, i)
    return rotation, np.minimum(direction, 180 - direction)


def auc(errors: Array, threshold: float) -> float:
    """Exact area under the share of errors below x, for x from 0 to the threshold, in percent."""
    return float(100 * np.clip(1 - errors / threshold, 0, None).mean())


def mean_accuracy(errors: Array, threshold: int) -> float:
    """mAA: the mean over 1, 2, ..., `threshold` degrees of the share of errors below, in percent.

    That is the right-hand sum of the area that `auc` gives: never less, by 100 / threshold at most.
    """
    return float(np.mean([100 * (errors < degrees).mean() for degrees in range(1, threshold + 1)]))


def pose_metrics(found: Array, true: Array) -> dict[str, float]:
    """The figures of `summarise_errors` for cameras: cam2world (N, 4, 4) twice, N >= 2."""
    return summarise_errors(*pair_errors(found, true))


def summarise_errors(rotation: Array, direction: Array, recalls: Sequence[float] = RECALLS) -> dict[str, float]:
    """AUC at 5, 10, 30 degrees of the larger error of a pair; RRA and RTA at `recalls`; mAA(30): all in percent.

    rotation, direction: errors of pairs, degrees, (P,) each, P >= 1. RRA@t, RTA@t: the share of pairs whose relative
    rotation, translation direction is off by less than t degrees.
    """
    larger = np.maximum(rotation, direction)
    figures = {f"auc{degrees}": auc(larger, degrees) for degrees in (5, 10, 30)}
    for name, errors in (("rra", rotation), ("rta", direction)):
        figures |= {f"{name}{degrees:g}": float(100 * (errors < degrees).mean()) for degrees in recalls}
    return figures | {"maa30": mean_accuracy(larger, 30)}


def focal_errors(found: Array, true: Array) -> Array:
    """|f / F - 1| in percent, f = sqrt(fx fy): K (N, 3, 3) twice, of the same photos in the same pixels -> (N,)."""
    ratio: Array = found[:, 0, 0] * found[:, 1, 1] / (true[:, 0, 0] * true[:, 1, 1])
    off: Array = np.sqrt(ratio) - 1.0
    return 100.0 * np.fabs(off)


def align_cameras(found: Array, true: Array) -> tuple[Similarity, Array, Array]:
    """The similarity that carries the found cameras onto the true ones, and what remains.

    Rotation: `mean_turn`; scale and shift: least squares of the centres. Returns the similarity,
    rotation errors in degrees (N,) and centre errors in the true world's units (N,).
    """
    R = mean_turn(found[:, :3, :3], true[:, :3, :3])
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
        error = np.maximum(*_relative_errors(found, true, np.full(len(true), k), np.arange(len(true))))
        error[k] = 0  # rounding would give a photo a direction to itself
        most = max(most, int(((error < degrees) & (component == component[k])).sum()))
    return most if most > 1 else 0


def _relative_errors(found: Array, true: Array, i: NDArray[np.intp], j: NDArray[np.intp]) -> tuple[Array, Array]:
    """Of cameras j seen in cameras i's axes: angles between the rotations and between the directions, degrees."""
    a, b = (np.linalg.inv(poses[i]) @ poses[j] for poses in (found, true))
    rotation = np.degrees(rotation_angle(a[:, :3, :3].swapaxes(-1, -2) @ b[:, :3, :3])) if len(i) else np.zeros(0)
    return rotation, _direction_errors(a[:, :3, 3], b[:, :3, 3])


def _direction_errors(a: Array, b: Array) -> Array:
    cross, dot = np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)
    degrees = np.degrees(np.arctan2(cross, dot))
    lost = np.linalg.norm(a, axis=-1) == 0
    return np.where(np.linalg.norm(b, axis=-1) == 0, 0.0, np.where(lost, 180.0, degrees))
