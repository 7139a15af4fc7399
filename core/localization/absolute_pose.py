"""A camera from its photo's pairs with photos whose cameras and points are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.camera import intrinsics, project
from ..geometry.pnp import inlier_threshold, solve_pnp
from ..geometry.relative_pose import Camera, relative_pose
from ..geometry.similarity import weighted_median
from ..reconstruction.result import AlignedView
from ..settings import LocalizationSettings
from .image_pair import PhotoPair

Array = NDArray[np.float64]

MOST_LANDMARKS = 5000  # that a camera is found from


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Pixels of the new photo whose place in the world is known through a match; P of them."""

    points: Array  # (P, 3), world
    pixels: Array  # (P, 2), photo pixels
    weight: Array  # (P,), log confidence

    def errors(self, camera: Camera, cam2world: Array) -> Array:
        """Reprojection errors (P,), photo pixels; NaN behind the camera."""
        pixels, _ = project(self.points, intrinsics(camera.focal, camera.principal_point), cam2world)
        return np.linalg.norm(pixels - self.pixels, axis=-1)


@dataclass(frozen=True, slots=True)
class Placed:
    """The camera that most landmarks agree on."""

    camera: Camera  # photo pixels
    cam2world: Array  # (4, 4), rigid
    errors: Array  # (P,), of all landmarks, photo pixels
    inliers: NDArray[np.bool_]  # (P,), within `inlier_threshold`


def place(known: Sequence[AlignedView], pairs: Sequence[PhotoPair], settings: LocalizationSettings) -> Placed | None:
    """The camera of the photo that comes second in every pair, the first being a known one; None where nothing fits.

    matches: the robust PnP over all landmarks. relative: of the relative poses (PnP), each scaled by the known photo's
    depth, the one that most landmarks agree with. The focal, unless known, is the median of those its pointmaps show.
    """
    landmarks = gather_landmarks(known, pairs, settings.seed)
    focal = settings.focal or float(np.median([pair.turned.camera().focal for pair in pairs]))
    camera = pairs[0].turned.camera(focal)
    way = _by_matches if settings.way == "matches" else _by_relative_poses
    cam2world = way(landmarks, camera, known, pairs, settings.seed)
    if cam2world is None:
        return None
    errors = landmarks.errors(camera, cam2world)
    return Placed(camera, cam2world, errors, errors < inlier_threshold(camera.size))


def gather_landmarks(known: Sequence[AlignedView], pairs: Sequence[PhotoPair], seed: int = 0) -> Landmarks:
    """The matches of both directions of every pair, at most MOST_LANDMARKS of them, drawn at random."""
    points, pixels, weights = [np.zeros((0, 3))], [np.zeros((0, 2))], [np.zeros(0)]
    for view, pair in zip(known, pairs, strict=True):
        world, own = view.world_points().reshape(-1, 3), pair.mappings[1].photo_pixels().reshape(-1, 2)
        forward, backward = pair.matches(), pair.turned.matches()
        points += [world[forward.at_a], world[backward.at_b]]
        pixels += [own[forward.at_b], own[backward.at_a]]
        weights += [np.log(found.confidence.astype(np.float64)) for found in (forward, backward)]
    every = np.concatenate(points), np.concatenate(pixels), np.concatenate(weights)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(every[0]))[:MOST_LANDMARKS])
    return Landmarks(*(values[chosen] for values in every))


def own_depth(placed: Placed, known: AlignedView, pair: PhotoPair) -> NDArray[np.float32]:
    """(H, W), world units: the depth that the pair shows of the new photo, scaled to its matches with the known one."""
    found, depth = pair.matches(), pair.backward.dense(0)[0][:, 2]
    R, centre = placed.cam2world[:3, :3], placed.cam2world[:3, 3]
    true = ((known.world_points().reshape(-1, 3)[found.at_a] - centre) @ R)[:, 2]
    scale = _depth_ratio(true, depth[found.at_b], np.log(found.confidence))
    return (scale * depth).reshape(pair.backward.shape(0)).astype(np.float32)


def _by_matches(
    landmarks: Landmarks, camera: Camera, known: Sequence[AlignedView], pairs: Sequence[PhotoPair], seed: int
) -> Array | None:
    centre, weight = camera.principal_point, landmarks.weight
    found = solve_pnp(landmarks.points, landmarks.pixels, weight, centre, camera.size, camera.focal, seed=seed)
    return None if found is None else found.cam2world


def _by_relative_poses(
    landmarks: Landmarks, camera: Camera, known: Sequence[AlignedView], pairs: Sequence[PhotoPair], seed: int
) -> Array | None:
    poses = []
    for view, pair in zip(known, pairs, strict=True):
        views = pair.two_views(pair.matches(), (float(view.K[0, 0]), camera.focal))
        relative = relative_pose(views, "pnp", seed)
        if relative is not None:
            move = relative.cam2world.copy()
            points, confidence = pair.forward.dense(0)
            weight = np.where(pair.views[0].mask.reshape(-1), np.log(confidence), 0)
            move[:3, 3] *= _depth_ratio(view.depth.reshape(-1), points[:, 2], weight)
            poses.append(view.cam2world @ move)
    threshold = inlier_threshold(camera.size)
    return max(poses, key=lambda pose: int((landmarks.errors(camera, pose) < threshold).sum()), default=None)


def _depth_ratio(true: NDArray[np.floating], found: NDArray[np.floating], weight: NDArray[np.floating]) -> float:
    """The weighted median of true / found, over those above 0; 1 with none."""
    usable = (true > 0) & (found > 0) & (weight > 0)
    if not usable.any():
        return 1.0
    ratio = true[usable].astype(np.float64) / found[usable]
    return float(weighted_median(ratio, weight[usable].astype(np.float64)))
