"""The motion between two cameras from matched rays, wrong matches among them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from ..errors import ReconstructionError
from .epipolar import depths, essential_matrix, sampson_errors
from .rotation import rotation_from_vector

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST = 6  # matches
PARALLAX = np.radians(0.2)  # median angle between matched rays below which they show no direction of travel
RAYS = {"model": "SIMPLE_PINHOLE", "width": 1, "height": 1, "params": [1.0, 0.0, 0.0]}  # pixels that are slopes of rays


@dataclass(frozen=True, slots=True)
class Motion:
    """x_b = R x_a + t, without a scale."""

    R: Array  # (3, 3)
    t: Array  # (3,), of length 1; 0 where the rays show no parallax, so that the cameras stood in one place
    inliers: Mask  # (P,)


def motion_between(rays_a: Array, rays_b: Array, threshold: float, seed: int = 0) -> Motion | None:
    """The motion minimising the sum of log(1 + (Sampson error / scale)^2), started by RANSAC over five matches.

    rays_a, rays_b: (P, 3), of unit depth; threshold: on the Sampson error, in slopes of rays. None when fewer than
    FEWEST matches agree on one. Raises ReconstructionError where PoseLib is missing.
    """
    if len(rays_a) < FEWEST:
        return None
    R, t = _refine(*_start(rays_a, rays_b, threshold, seed), rays_a, rays_b, threshold)
    inliers = _agreeing(R, t, rays_a, rays_b, threshold)
    if inliers.sum() < FEWEST:
        return None
    if _median_parallax(R, rays_a[inliers], rays_b[inliers]) < PARALLAX:
        return Motion(*_turn(R, rays_a, rays_b, threshold))
    return Motion(R, t, inliers)


def _start(rays_a: Array, rays_b: Array, threshold: float, seed: int) -> tuple[Array, Array]:
    """The motion that most matches agree on: PoseLib's locally optimised RANSAC over five matches."""
    try:
        from poselib import estimate_relative_pose  # only now: the rest of the package does without
    except ModuleNotFoundError as error:
        raise ReconstructionError(
            f"A pose from matches needs the package poselib ({error.name} is missing); install it, or choose a method "
            "that uses points"
        ) from error
    options = {"max_epipolar_error": threshold, "seed": seed}
    pose, _ = estimate_relative_pose(rays_a[:, :2], rays_b[:, :2], RAYS, RAYS, options)
    # Rays of cameras that hardly moved meet in front or behind as their noise has it: the direction that more agree on.
    return pose.R, max(pose.t, -pose.t, key=lambda t: int(_agreeing(pose.R, t, rays_a, rays_b, threshold).sum()))


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


def _turn(R: Array, rays_a: Array, rays_b: Array, threshold: float) -> tuple[Array, Array, Mask]:
    """The rotation near R minimising the sum of |b - R a|^2 over the matched rays of length 1 that it brings within the
    threshold of each other (Kabsch), no travel, and which these are.
    """
    a, b = (rays / np.linalg.norm(rays, axis=-1, keepdims=True) for rays in (rays_a, rays_b))
    near = np.linalg.norm(b - a @ R.T, axis=-1) < max(2 * threshold, PARALLAX)
    R = Rotation.align_vectors(b[near], a[near])[0].as_matrix()
    return R, np.zeros(3), np.linalg.norm(b - a @ R.T, axis=-1) < threshold


def _median_parallax(R: Array, rays_a: Array, rays_b: Array) -> float:
    """Median angle, radians, between matched rays once the turn is taken out."""
    turned = rays_a @ R.T
    across, along = np.linalg.norm(np.cross(turned, rays_b), axis=-1), (turned * rays_b).sum(-1)
    return float(np.median(np.arctan2(across, along)))
