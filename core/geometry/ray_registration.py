"""Similarities between pointmaps whose errors are of two kinds: along the camera's rays, and across them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rotation import rotation_from_vector
from .similarity import Similarity, weighted_median

Array = NDArray[np.float64]

ROUNDS = 3
GREATEST_RATIO = 6.0  # of the spread along to the spread across: beyond, flying pixels would decide
FREEDOM = 7.0  # of the heavy-tailed errors: points further off than about 2.6 spreads lose their pull
SMALLEST = 1e-9  # spread, relative to distance
UPWARDS = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True)
class RayFit:
    """Registered pointmaps, (...,) of them."""

    pose: Similarity
    across: Array  # (...,), robust standard deviation of a point across its ray, over its distance
    along: Array  # (...,), along its ray, at least `across`
    pivot: Array  # (..., 3), the middle of the points that decided, in the source's frame


def register_along_rays(source: Array, target: Array, weight: Array, spread: Array, start: Similarity) -> RayFit:
    """The similarities S near `start` minimising the weighted sum of  log(1 + m^2 / k),
    m^2 = (r_across / across)^2 + (r_along / along)^2,  r = (target - S(source)) / spread.

    source: (E, P, 3), in its own camera's frame: its rays start at 0; target, weight, spread as in
    `register_robustly`. across and along are found from the residuals (weighted medians).
    """
    zero = np.zeros(len(source))
    fit = RayFit(start, zero, zero, np.zeros((len(source), 3)))
    for _ in range(ROUNDS):
        fit = _step(fit.pose, source, target, weight, spread)
    return fit


def _step(pose: Similarity, source: Array, target: Array, weight: Array, spread: Array) -> RayFit:
    """One Gauss-Newton step of turn about the pivot, shift and log scale."""
    arms = pose.scale[:, None, None] * (source @ pose.R.swapaxes(-1, -2))
    lacking = target - arms - pose.translation[:, None]
    axes = _axes(arms)
    r = np.einsum("epa,kepa->kep", lacking, axes)
    across = weighted_median(np.hypot(r[0], r[1]) / spread, weight) / 1.18  # medians of Rayleigh's and of the normal
    along = weighted_median(np.abs(r[2]) / spread, weight) / 0.6745
    across = np.maximum(across, SMALLEST)
    along = np.clip(along, across, GREATEST_RATIO * across)
    inverse = 1 / (spread * np.stack([across, across, along])[..., None]) ** 2
    pull = weight / (1 + (r**2 * inverse).sum(0) / FREEDOM)
    share = pull / pull.sum(-1, keepdims=True)
    middle = np.einsum("ep,epa->ea", share, arms)
    q = arms - middle[:, None]
    H, g = np.zeros((len(arms), 7, 7)), np.zeros((len(arms), 7))
    for axis, size, sure in zip(axes, r, inverse, strict=True):
        J = np.concatenate([np.cross(q, axis), axis, np.einsum("epa,epa->ep", q, axis)[..., None]], axis=-1)
        weighted = (J * (share * sure)[..., None]).swapaxes(-1, -2)
        H += weighted @ J
        g += (weighted @ size[..., None])[..., 0]
    step = np.linalg.solve(_damped(H), g[..., None])[..., 0]
    turn, growth = rotation_from_vector(step[:, :3]), np.exp(np.clip(step[:, 6], -1, 1))
    moved = pose.translation + middle + step[:, 3:6] - growth[:, None] * np.einsum("eab,eb->ea", turn, middle)
    pivot = np.einsum("ep,epa->ea", share, source)
    return RayFit(Similarity(pose.scale * growth, turn @ pose.R, moved), across, along, pivot)


def _axes(arms: Array) -> Array:
    """(3, E, P, 3): two directions across every ray and the one along it."""
    along = arms / np.maximum(np.linalg.norm(arms, axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    first = np.cross(along, np.where(np.abs(along[..., 1:2]) < 0.9, UPWARDS, UPWARDS[[1, 2, 0]]))
    first /= np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    return np.stack([first, np.cross(along, first), along])


def _damped(H: Array) -> Array:
    """Points on a line or in one place leave a turn or the scale open: it then stays as it was."""
    diagonal = np.einsum("eaa->ea", H)
    floor = 1e-9 * diagonal + 1e-12 * diagonal.max(-1, keepdims=True) + np.finfo(np.float64).tiny
    return H + floor[:, :, None] * np.eye(7)
