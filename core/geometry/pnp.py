"""Where a camera stood, from pixels whose world points are known (perspective-n-point), outliers among them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from .camera import pixel_rays
from .p3p import three_point_poses
from .rotation import rotation_from_vector

Array = NDArray[np.float64]

THRESHOLD = 0.015  # of the photo's longer side, and at least a pixel: further off is an outlier
SEARCHED_FOCALS = np.geomspace(0.4, 4.0, 13)  # of the longer side; the refinement closes the gaps of 21 %
NEAR_ENOUGH = 5.0  # thresholds: further off takes no part in the refinement
NEAR = 1e-6  # depth below which a point counts as behind the camera, of the points' spread


@dataclass(frozen=True, slots=True)
class PosedCamera:
    """A camera found from its pixels' world points."""

    cam2world: Array  # (4, 4), rigid
    focal: float  # pixels
    inliers: NDArray[np.bool_]  # (P,), reprojected within the threshold


@dataclass(frozen=True, slots=True)
class _Pixels:
    """The points in use, about their own centre and in units of their own spread."""

    points: Array  # (P, 3)
    centred: Array  # (P, 2), pixels relative to the principal point
    weight: Array  # (P,), sums to 1
    threshold: float  # pixels

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        return type(self)(self.points[chosen], self.centred[chosen], self.weight[chosen], self.threshold)

    def errors(self, R: Array, t: Array, focal: float) -> Array:
        """Reprojection errors (..., P, 2) of world2cam R (..., 3, 3), t (..., 3); huge behind the camera."""
        camera = self.points @ R.swapaxes(-1, -2) + t[..., None, :]
        return focal * camera[..., :2] / np.maximum(camera[..., 2:], NEAR) - self.centred

    def cost(self, R: Array, t: Array, focal: float) -> Array:
        """The share of the weight that is off, each pixel by at most 1 (MSAC): (...,)."""
        squared = (self.errors(R, t, focal) ** 2).sum(-1) / self.threshold**2
        return (self.weight * np.minimum(squared, 1)).sum(-1)


def solve_pnp(
    points: Array,
    pixels: Array,
    weight: Array,
    principal_point: Array,
    size: tuple[int, int],
    focal: float | None = None,
    *,
    seed: int = 0,
    samples: int = 200,
) -> PosedCamera | None:
    """The camera minimising sum of weight log(1 + |reprojection error|^2 / threshold^2), started by RANSAC over P3P.

    points: (P, 3), world; pixels: (P, 2); weight: (P,), 0 leaves a point out; size: (width, height) of the photo;
    focal: pixels, or None to search for it. None when fewer than four points are left or they fit no camera.
    """
    kept = (weight > 0) & np.isfinite(points).all(-1)
    if kept.sum() < 4:
        return None
    centre = np.median(points[kept], axis=0)
    spread = np.median(np.linalg.norm(points[kept] - centre, axis=-1)) or 1.0
    data = _Pixels(
        (points[kept] - centre) / spread,
        pixels[kept] - principal_point,
        weight[kept] / weight[kept].sum(),
        inlier_threshold(size),
    )
    generator = np.random.default_rng(seed)
    triples = generator.choice(kept.sum(), (samples, 3), p=data.weight)  # a repeated point makes a triple degenerate
    focals = SEARCHED_FOCALS * max(size) if focal is None else np.array([focal])
    starts = [start for candidate in focals if (start := _best_start(data, triples, candidate)) is not None]
    if not starts:
        return None
    _, R, t, start_focal = min(starts, key=lambda start: start[0])
    R, t, found_focal = _refine(data, R, t, start_focal, free_focal=focal is None)
    inliers = np.zeros(len(points), dtype=bool)
    inliers[kept] = np.linalg.norm(data.errors(R, t, found_focal), axis=-1) < data.threshold
    cam2world = np.eye(4)
    cam2world[:3, :3], cam2world[:3, 3] = R.T, centre - spread * R.T @ t
    return PosedCamera(cam2world, found_focal, inliers)


def inlier_threshold(size: tuple[int, int]) -> float:
    """Reprojection error, pixels, from which a point of a photo of this (width, height) is an outlier."""
    return max(1.0, THRESHOLD * max(size))


def _best_start(data: _Pixels, triples: NDArray[np.int64], focal: float) -> tuple[float, Array, Array, float] | None:
    """The cheapest of the poses that the triples allow at one focal: (cost, R, t, focal)."""
    rays = pixel_rays(data.centred, focal, np.zeros(2))
    R, t = three_point_poses(data.points[triples], rays[triples])
    if not len(R):
        return None
    cost = np.concatenate([data.cost(R[k : k + 64], t[k : k + 64], focal) for k in range(0, len(R), 64)])
    best = int(np.argmin(cost))
    return float(cost[best]), R[best], t[best], float(focal)


def _refine(data: _Pixels, R: Array, t: Array, focal: float, free_focal: bool) -> tuple[Array, Array, float]:
    """The nearest minimum of the robust cost over rotation, translation and, if free, the logarithm of the focal.

    Twice, over the pixels near enough to the pose so far: far ones pull little each, but may be many.
    """
    for _ in range(2):
        near = np.linalg.norm(data.errors(R, t, focal), axis=-1) < NEAR_ENOUGH * data.threshold
        if near.sum() < 4:
            break
        R, t, focal = _descend(data.of(near), R, t, focal, free_focal)
    return R, t, focal


def _descend(data: _Pixels, R: Array, t: Array, focal: float, free_focal: bool) -> tuple[Array, Array, float]:
    def unpack(step: Array) -> tuple[Array, Array, float]:
        scale = np.exp(np.clip(step[6], -1, 1)) if free_focal else 1.0
        return rotation_from_vector(step[:3]) @ R, t + step[3:6], focal * scale

    def residuals(step: Array) -> Array:
        errors = data.errors(*unpack(step)) / data.threshold
        squared = np.maximum((errors**2).sum(-1), 1e-12)
        return (errors * np.sqrt(data.weight * np.log1p(squared) / squared)[:, None]).ravel()

    found = least_squares(residuals, np.zeros(7 if free_focal else 6), method="trf", max_nfev=60)
    return unpack(found.x)
