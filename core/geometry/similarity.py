"""Similarities x -> s R x + t, many at once, and the ones that carry points onto points."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALLEST = 1e-12  # scale: a similarity stays invertible


@dataclass(frozen=True, slots=True)
class Similarity:
    """A batch of similarities x -> scale R x + translation."""

    scale: Array  # (...,), > 0
    R: Array  # (..., 3, 3)
    translation: Array  # (..., 3)

    def __getitem__(self, index: object) -> Self:
        return type(self)(self.scale[index], self.R[index], self.translation[index])  # type: ignore[index]

    @property
    def matrix(self) -> Array:
        """(4, 4), of a single similarity."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.scale * self.R, self.translation
        return matrix

    def apply(self, points: Array) -> Array:
        """points (..., P, 3), one set per similarity -> (..., P, 3)."""
        linear = self.scale[..., None, None] * self.R
        return points @ linear.swapaxes(-1, -2) + self.translation[..., None, :]

    def inverse(self) -> Self:
        R = self.R.swapaxes(-1, -2)
        moved = np.einsum("...ab,...b->...a", R, self.translation)
        return type(self)(1 / self.scale, R, -moved / self.scale[..., None])

    def compose(self, first: Self) -> Self:
        """The similarity x -> self(first(x))."""
        moved = np.einsum("...ab,...b->...a", self.R, first.translation) * self.scale[..., None]
        return type(self)(self.scale * first.scale, self.R @ first.R, moved + self.translation)


def similarity_from_twist(turn: Array, shift: Array, growth: Array) -> Similarity:
    """exp: where one unit of time at constant velocity  dx/dt = turn x x + growth x + shift  carries space.

    turn: (..., 3), axis times angle (radians); shift: (..., 3); growth: (...), log of the scale. With z = growth +
    i |turn| the shift is multiplied by (e^z - 1) / z, its real part along, its imaginary part across the turn's axis.
    """
    from .rotation import rotation_from_vector  # only now: it loads SciPy, and Blender's interface needs this module

    angle = np.linalg.norm(turn, axis=-1)
    axis = turn / np.maximum(angle, np.finfo(np.float64).tiny)[..., None]
    along = axis * (axis * shift).sum(-1, keepdims=True)
    about = _mean_growth(growth + 1j * angle)[..., None]
    moved = _mean_growth(growth + 0j).real[..., None] * along
    moved = moved + about.real * (shift - along) + about.imag * np.cross(axis, shift)
    return Similarity(np.exp(growth), rotation_from_vector(turn), moved)


def _mean_growth(rate: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """(e^z - 1) / z, 1 at 0."""
    safe = np.where(rate == 0, 1, rate)
    return np.where(rate == 0, 1, np.expm1(safe) / safe)


def register_points(source: Array, target: Array, weight: Array) -> Similarity:
    """The similarities S minimising the weighted sum of |target - S(source)|^2 (Umeyama 1991).

    source, target: (..., P, 3); weight: (..., P), non-negative, not all zero in any set; the weighted source points
    must not all be in one place. Points in a plane or on a line are fine: R is proper, one of the best.
    """
    weight = (weight / weight.sum(-1, keepdims=True))[..., None]
    mean_source, mean_target = (weight * source).sum(-2, keepdims=True), (weight * target).sum(-2, keepdims=True)
    centred = source - mean_source
    weighted = weight * centred
    U, sizes, Vt = np.linalg.svd((target - mean_target).swapaxes(-1, -2) @ weighted)  # Umeyama 1991, eq. 38
    sign = np.ones_like(sizes)
    sign[..., 2] = np.linalg.det(U @ Vt)  # eq. 39 and 43: never a reflection
    R = (U * sign[..., None, :]) @ Vt
    scale = np.maximum((sizes * sign).sum(-1) / (weighted * centred).sum((-2, -1)), SMALLEST)
    moved = np.einsum("...ab,...b->...a", R, mean_source[..., 0, :])
    return Similarity(scale, R, mean_target[..., 0, :] - scale[..., None] * moved)


def register_robustly(
    source: Array,
    target: Array,
    weight: Array,
    spread: Array,
    iterations: int = 15,
    start: Similarity | None = None,
) -> tuple[Similarity, Array]:
    """The similarities S minimising the weighted sum of Cauchy's log(1 + (|target - S(source)| / (k spread))^2).

    spread: (..., P), > 0, what a residual is measured against (the distance to the camera: errors of pointmaps grow
    with it); k is 1.5 times the median of |residual| / spread, so that outliers lose their pull. `start`, where known,
    saves iterations. Same shapes as `register_points`. Also returns that weighted median, (...,): how well each fits.
    """
    found = start or register_points(source, target, weight / spread**2)
    residual = _relative_residual(found, source, target, spread)
    for _ in range(iterations):
        width = np.maximum(1.5 * weighted_median(residual, weight), 1e-9)
        pull = weight / spread**2 / (1 + (residual / width[..., None]) ** 2)
        found = register_points(source, target, pull)
        residual = _relative_residual(found, source, target, spread)
    return found, weighted_median(residual, weight)


def weighted_median(values: Array, weight: Array) -> Array:
    """The value with half the weight on either side, along the last axis: (..., P) -> (...,)."""
    order = np.argsort(values, axis=-1, kind="stable")
    passed = np.cumsum(np.take_along_axis(weight, order, -1), axis=-1)
    middle = np.argmax(passed >= passed[..., -1:] / 2, axis=-1)[..., None]
    return np.take_along_axis(values, np.take_along_axis(order, middle, -1), -1)[..., 0]


def _relative_residual(found: Similarity, source: Array, target: Array, spread: Array) -> Array:
    return np.linalg.norm(found.apply(source) - target, axis=-1) / spread
