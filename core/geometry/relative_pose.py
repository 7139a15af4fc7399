"""Where camera b stood in camera a's frame, three ways: from matches, from two pointmaps, from points and pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .camera import pixel_rays
from .method import Method
from .motion import motion_between
from .pnp import solve_pnp
from .similarity import Similarity, register_points, register_robustly, weighted_median

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EPIPOLAR = 0.005  # of the photo's longer side: matches further off the epipolar line are outliers
REGISTERED = 0.1  # of a point's distance: registered further off it is an outlier
SAMPLES = 500  # of three points
SCORED = 1000  # points that choose among the samples
FEWEST = 3  # points
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Camera:
    """Intrinsics of square pixels."""

    focal: float  # pixels
    principal_point: Array  # (2,), pixels
    size: tuple[int, int]  # (width, height), pixels

    def rays(self, pixels: Array) -> Array:
        """Directions of unit depth (P, 3) of pixels (P, 2)."""
        return pixel_rays(pixels, self.focal, self.principal_point)


@dataclass(frozen=True, slots=True)
class TwoViews:
    """What is known of photos a and b: M matches, P of a's points in both frames, Q of b's points in a's frame.

    Frame a is that of the network's pass with a first; frame b's has a scale of its own.
    """

    camera_a: Camera
    camera_b: Camera
    matched_a: Array  # (M, 2), pixels
    matched_b: Array  # (M, 2), pixels
    matched_points: Array  # (M, 3), of the matches, in camera a's frame
    points_aa: Array  # (P, 3), of a's pixels, in camera a's frame
    points_ab: Array  # (P, 3), of the same pixels, in camera b's frame
    weight_a: Array  # (P,), >= 0
    points_ba: Array  # (Q, 3), of b's pixels, in camera a's frame
    pixels_b: Array  # (Q, 2)
    weight_b: Array  # (Q,), >= 0


@dataclass(frozen=True, slots=True)
class RelativePose:
    """Camera b in camera a's frame, in the units of a's pointmap."""

    cam2world: Array  # (4, 4), rigid: x_a = cam2world x_b
    inliers: Mask  # of the method's own data: M matches, P points or Q pixels
    directed: bool = True  # False: the cameras stood in one place, as far as the data show, and translation is 0


def relative_pose(views: TwoViews, method: Method, seed: int = 0) -> RelativePose | None:
    """The pose by one method; None where too little is usable, or fits no camera.

    essential: the five-point method over the matches (both focals known), its length from the matched points.
    procrustes: the weighted similarity between a's points in both frames.
    pnp: from b's pixels and their points in a's frame (b's focal known).
    """
    if method == "essential":
        return _by_essential_matrix(views, seed)
    return _by_procrustes(views, seed) if method == "procrustes" else _by_pnp(views, seed)


def _by_pnp(views: TwoViews, seed: int) -> RelativePose | None:
    camera = views.camera_b
    found = solve_pnp(
        views.points_ba,
        views.pixels_b,
        views.weight_b,
        camera.principal_point,
        camera.size,
        camera.focal,
        seed=seed,
    )
    return None if found is None else RelativePose(found.cam2world, found.inliers)


def _by_procrustes(views: TwoViews, seed: int) -> RelativePose | None:
    """The similarity that fits most points, refined by Cauchy's loss, and by weighted least squares where it fits."""
    source, target, weight = views.points_ab, views.points_aa, views.weight_a
    usable = (weight > 0) & np.isfinite(source).all(-1) & np.isfinite(target).all(-1)
    if usable.sum() < FEWEST:
        return None
    spread = np.maximum(np.linalg.norm(target, axis=-1), TINY)
    kept = source[usable], target[usable], weight[usable], spread[usable]
    start = _sampled_similarity(*kept, seed)
    if start is None:
        return None
    found, _ = register_robustly(*kept, start=start)
    off = np.linalg.norm(found.apply(source) - target, axis=-1) / spread
    inliers = usable & (off < REGISTERED)
    if inliers.sum() < FEWEST:
        return None
    near = inliers & (off <= max(3 * float(weighted_median(off[inliers], weight[inliers])), 1e-9))
    found = register_points(source[near], target[near], weight[near] / spread[near] ** 2)
    return RelativePose(_rigid(found.R, found.translation), inliers)


def _sampled_similarity(source: Array, target: Array, weight: Array, spread: Array, seed: int) -> Similarity | None:
    """The cheapest (MSAC) of the similarities that random triples of points make; None for points in one place."""
    generator = np.random.default_rng(seed)
    triples = generator.choice(len(source), (SAMPLES, 3), p=weight / weight.sum())
    triples = triples[np.ptp(source[triples], axis=1).max(-1) > 0]
    scored = generator.permutation(len(source))[:SCORED]
    if not len(triples):
        return None
    found = register_points(source[triples], target[triples], np.ones(triples.shape))
    off = np.linalg.norm(found.apply(source[scored][None]) - target[scored], axis=-1) / spread[scored]
    cost = (weight[scored] * np.minimum((off / REGISTERED) ** 2, 1)).sum(-1)
    return found[int(np.argmin(cost))]


def _by_essential_matrix(views: TwoViews, seed: int) -> RelativePose | None:
    rays_a, rays_b = views.camera_a.rays(views.matched_a), views.camera_b.rays(views.matched_b)
    motion = motion_between(rays_a, rays_b, _epipolar_threshold(views), seed)
    if motion is None:
        return None
    direction = -motion.R.T @ motion.t
    if not direction.any():
        return RelativePose(_rigid(motion.R.T, direction), motion.inliers, directed=False)
    length = travel_length(motion.R.T, direction, views.matched_points[motion.inliers], rays_b[motion.inliers])
    return RelativePose(_rigid(motion.R.T, length * direction), motion.inliers)


def travel_length(R: Array, direction: Array, points: Array, rays: Array) -> float:
    """The s for which camera b at s * direction, turned by R, sees points on their rays: median, weighted by parallax.

    R: (3, 3) and direction: (3,), of unit length, b to a; points: (P, 3) in a's frame; rays: (P, 3) in b's, unit depth.
    """
    rays = rays @ R.T
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    across_points, across = np.cross(points, rays), np.cross(direction, rays)
    squared = (across**2).sum(-1)
    lengths = (across_points * across).sum(-1) / np.maximum(squared, TINY)
    return float(weighted_median(lengths, np.sqrt(squared) / np.maximum(np.linalg.norm(points, axis=-1), TINY)))


def _epipolar_threshold(views: TwoViews) -> float:
    """In slopes of rays: both photos' pixels count by their own focal."""
    a, b = (max(camera.size) / camera.focal for camera in (views.camera_a, views.camera_b))
    return EPIPOLAR * float(np.sqrt((a**2 + b**2) / 2))


def _rigid(R: Array, centre: Array) -> Array:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = R, centre
    return pose
