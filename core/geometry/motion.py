"""The motion between two cameras from matched rays, wrong matches among them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from .epipolar import depths, essential_matrix, poses_of, sampson_errors
from .five_point import five_point_matrices
from .rotation import rotation_from_vector

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAMPLES = 500  # of five matches
SCORED = 1000  # matches that choose among the samples
FEWEST = 6  # matches
PARALLAX = np.radians(0.2)  # median angle between matched rays below which they show no direction of travel


@dataclass(frozen=True, slots=True)
class Motion:
    """x_b = R x_a + t, without a scale."""

    R: Array  # (3, 3)
    t: Array  # (3,), of length 1; 0 where the rays show no parallax, so that the cameras stood in one place
    inliers: Mask  # (P,)


def motion_between(rays_a: Array, rays_b: Array, threshold: float, seed: int = 0) -> Motion | None:
    """The motion minimising the sum of log(1 + (Sampson error / scale)^2), started by RANSAC over five matches.

    rays_a, rays_b: (P, 3), of unit depth; threshold: on the Sampson error, in slopes of rays. None when fewer than
    FEWEST matches agree on one.
    """
    if len(rays_a) < FEWEST:
        return None
    E = _best_essential(rays_a, rays_b, threshold, seed)
    if E is None:
        return None
    R, t = _refine(*_in_front(E, rays_a, rays_b, threshold), rays_a, rays_b, threshold)
    inliers = _agreeing(R, t, rays_a, rays_b, threshold)
    if inliers.sum() < FEWEST:
        return None
    still = _median_parallax(R, rays_a[inliers], rays_b[inliers]) < PARALLAX
    return Motion(R, np.zeros(3) if still else t, inliers)


def _best_essential(rays_a: Array, rays_b: Array, threshold: float, seed: int) -> Array | None:
    """The cheapest (MSAC) of the matrices that random fives of matches allow."""
    generator = np.random.default_rng(seed)
    fives = np.sort(generator.integers(len(rays_a), size=(SAMPLES, 5)), axis=1)
    fives = fives[(np.diff(fives, axis=1) > 0).all(1)]
    scored = generator.permutation(len(rays_a))[:SCORED]
    E = five_point_matrices(rays_a[fives], rays_b[fives])
    if not len(E):
        return None
    cost = [_cost(E[k : k + 64], rays_a[scored], rays_b[scored], threshold) for k in range(0, len(E), 64)]
    return E[int(np.argmin(np.concatenate(cost)))]


def _cost(E: Array, rays_a: Array, rays_b: Array, threshold: float) -> Array:
    return np.minimum((sampson_errors(E, rays_a, rays_b) / threshold) ** 2, 1).mean(-1)


def _in_front(E: Array, rays_a: Array, rays_b: Array, threshold: float) -> tuple[Array, Array]:
    """Of the four motions of E, the one that puts most agreeing matches in front of both cameras."""
    motions = list(zip(*poses_of(E), strict=True))
    return max(motions, key=lambda motion: int(_agreeing(*motion, rays_a, rays_b, threshold).sum()))


def _agreeing(R: Array, t: Array, rays_a: Array, rays_b: Array, threshold: float) -> Mask:
    """(P,): near their epipolar lines, and where the rays meet in front of both cameras."""
    near = np.abs(sampson_errors(essential_matrix(R, t), rays_a, rays_b)) < threshold
    ahead = np.stack(depths(R, t, rays_a, rays_b))
    return near & (ahead > 0).all(0)


def _refine(R: Array, t: Array, rays_a: Array, rays_b: Array, threshold: float) -> tuple[Array, Array]:
    """The nearest minimum of the sum of log(1 + (Sampson error / scale)^2) over turn and direction.

    The scale is first the threshold, then what the matches within it scatter by.
    """
    scale = threshold
    for _ in range(2):
        near = np.abs(sampson_errors(essential_matrix(R, t), rays_a, rays_b)) < 5 * scale
        R, t = _descend(R, t, rays_a[near], rays_b[near], scale)
        off = np.abs(sampson_errors(essential_matrix(R, t), rays_a, rays_b))
        scale = max(1.4826 * float(np.median(off[off < threshold])) if (off < threshold).any() else 0, 1e-6 * threshold)
    return R, t


def _descend(R: Array, t: Array, rays_a: Array, rays_b: Array, scale: float) -> tuple[Array, Array]:
    def unpack(step: Array) -> tuple[Array, Array]:
        return rotation_from_vector(step[:3]) @ R, rotation_from_vector(step[3:]) @ t

    def residuals(step: Array) -> Array:
        return sampson_errors(essential_matrix(*unpack(step)), rays_a, rays_b) / scale

    found = least_squares(residuals, np.zeros(6), loss="cauchy", max_nfev=60)
    return unpack(found.x)


def _median_parallax(R: Array, rays_a: Array, rays_b: Array) -> float:
    """Median angle, radians, between matched rays once the turn is taken out."""
    turned = rays_a @ R.T
    across, along = np.linalg.norm(np.cross(turned, rays_b), axis=-1), (turned * rays_b).sum(-1)
    return float(np.median(np.arctan2(across, along)))
