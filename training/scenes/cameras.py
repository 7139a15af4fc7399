"""Cameras in free space that look at something together, and which pairs of them do."""

import math

import numpy as np
from numpy.typing import NDArray

from .builder import Builder
from .difficulty import Ranges
from .rendering.overlap import overlaps
from .rendering.renderer import probe
from .scene import Cameras, Floats, Ints, Scene
from .stage import Stage

Rng = np.random.Generator
PROBE = 40  # pixels of the longer side when trying views
CLEARANCE = 0.12  # metres between a camera and any solid
SEEN = 0.35  # least share of pixels with a surface
NEAREST = 0.25  # metres: the nearest tenth of the pixels is further away
ROUNDS = 3


def find_views(
    b: Builder, scene: Scene, stage: Stage, ranges: Ranges, views: int, size: tuple[int, int]
) -> tuple[Cameras, Floats] | None:
    """V views that hang together, and the share of view j's points that view i sees, (V, V); None if none are found."""
    rng, small = b.rng, _probe_size(size)
    target = stage.targets[rng.integers(len(stage.targets))]
    around = (rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(*np.log(stage.distance))), rng.uniform(*stage.lift))
    fov = rng.uniform(*ranges.fov)
    poses, Ks = np.empty((0, 4, 4)), np.empty((0, 3, 3))
    points, surface = np.empty((0, small[1], small[0], 3), np.float32), np.empty((0, small[1], small[0]), np.int32)
    for attempt in range(ROUNDS):
        tried = [_candidate(b, stage, ranges, target, around, 0.5**attempt) for _ in range(views + 3 + 2 * attempt)]
        for pose in tried[1:]:
            if rng.random() < ranges.still:
                pose[:3, 3] = tried[0][:3, 3]
        free = [pose for pose in tried if _is_free(scene, pose[:3, 3])]
        if not free:
            continue
        fresh = Cameras(np.stack(free), np.stack([_intrinsics(rng, ranges, fov, size) for _ in free]), size)
        seen = probe(scene, fresh.resized(small))
        good = _are_good(fresh.cam2world, *seen)
        poses, Ks = np.concatenate([poses, fresh.cam2world[good]]), np.concatenate([Ks, fresh.K[good]])
        points, surface = np.concatenate([points, seen[0][good]]), np.concatenate([surface, seen[1][good]])
        overlap = overlaps(Cameras(poses, Ks, size).resized(small), points, surface)
        kept = _connected(overlap, ranges.overlap, views)
        if len(kept) == views:
            return Cameras(poses[kept], Ks[kept], size), overlap[np.ix_(kept, kept)]
    return None


def choose_pairs(
    overlap: Floats, bounds: tuple[float, float], pairs: int, rng: Rng, unordered: bool = False
) -> NDArray[np.int64]:
    """P ordered pairs (i, j) with overlap[i, j] within the bounds, (P, 2); those first that bring in a new view.

    Pairs repeat only when there are fewer than P; a single view meets itself. unordered: of (i, j) and (j, i), which
    then need one overlap within the bounds, only one is taken.
    """
    if len(overlap) == 1:
        return np.zeros((pairs, 2), np.int64)
    allowed = (overlap >= bounds[0]) & (overlap <= bounds[1]) & ~np.eye(len(overlap), dtype=bool)
    if unordered:
        allowed = np.triu(allowed | allowed.T)
    found = rng.permutation(np.argwhere(allowed))
    fresh, used = [], set()
    for number, pair in enumerate(found.tolist()):
        if not used.issuperset(pair):
            fresh.append(number)
            used.update(pair)
    order = [*fresh, *sorted(set(range(len(found))) - set(fresh))]
    return found[np.resize(order, pairs)]


def look_at(eye: NDArray, target: NDArray, roll: float) -> NDArray[np.float64]:
    """cam2world (4, 4) of a camera at `eye` whose axis meets `target`, turned by `roll` radians about it."""
    z = (target - eye) / np.linalg.norm(target - eye)
    x = np.cross(z, (0.0, 0.0, 1.0))
    x /= max(np.linalg.norm(x), 1e-9)
    y = np.cross(z, x)
    c, s = math.cos(roll), math.sin(roll)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = c * x + s * y, c * y - s * x, z, eye
    return pose


def _probe_size(size: tuple[int, int]) -> tuple[int, int]:
    factor = PROBE / max(size)
    return max(8, round(size[0] * factor)), max(8, round(size[1] * factor))


def _candidate(
    b: Builder, stage: Stage, ranges: Ranges, target: Floats, around: tuple[float, float, float], spread: float
) -> NDArray[np.float64]:
    """A pose near the middle one (azimuth, distance, height), or now and then from anywhere."""
    rng, (azimuth, distance, lift) = b.rng, around
    azimuth += np.radians(ranges.turn) * spread * rng.normal()
    if rng.random() < ranges.opposite * spread:
        azimuth = rng.uniform(0, 2 * np.pi)
    distance *= np.exp(ranges.reach * spread * rng.normal())
    eye = np.array([target[0] + distance * np.cos(azimuth), target[1] + distance * np.sin(azimuth), 0.0])
    eye[:2] = np.clip(eye[:2], stage.low[:2], stage.high[:2])
    lift = np.clip(lift + ranges.rise * spread * rng.normal(), stage.lift[0] * 0.6, stage.lift[1] * 1.3)
    eye[2] = np.clip(b.ground_height(eye[0], eye[1]) + lift, stage.low[2], stage.high[2])
    away = np.linalg.norm(target - eye)
    looked_at = target + ranges.gaze * spread * away * rng.normal(0, 1, 3) * (1, 1, 0.5)
    if np.linalg.norm((looked_at - eye)[:2]) < 0.1:
        looked_at = target + np.array([0.2, 0.1, 0.0])
    return look_at(eye, looked_at, np.radians(ranges.roll) * rng.normal())


def _intrinsics(rng: Rng, ranges: Ranges, fov: float, size: tuple[int, int]) -> NDArray[np.float64]:
    if rng.random() < ranges.zoom:
        fov = rng.uniform(*ranges.fov)
    focal = max(size) / 2 / math.tan(math.radians(fov) / 2)
    centre = np.array(size) * (0.5 + np.clip(rng.normal(0, ranges.centre, 2), -0.1, 0.1))
    return np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])


def _is_free(scene: Scene, eye: NDArray) -> bool:
    """Whether no solid is near a place (a hole counts as filled)."""
    close = np.linalg.norm(scene.bounds[:, :3] - eye, axis=1) < scene.bounds[:, 3] + CLEARANCE
    numbers = np.flatnonzero(close)
    local = np.abs(scene.to_local[numbers, :, :3] @ eye + scene.to_local[numbers, :, 3])
    return not ((local - 1) * scene.half[numbers] < CLEARANCE).all(1).any()


def _are_good(poses: NDArray, points: Floats, surface: Ints) -> NDArray[np.bool_]:
    """Views that show enough surface, and not from too near."""
    good = np.zeros(len(poses), bool)
    for view, pose in enumerate(poses):
        hit = surface[view] >= 0
        if hit.mean() < SEEN:
            continue
        depth = (points[view][hit] - pose[:3, 3]) @ pose[:3, 2]
        good[view] = np.percentile(depth, 10) > NEAREST
    return good


def _connected(overlap: Floats, bounds: tuple[float, float], views: int) -> list[int]:
    """The first views that each make a pair, both ways within the bounds, with one taken before."""
    low, high = bounds
    fits = (overlap >= low) & (overlap <= high)
    fits &= fits.T
    taken: list[int] = []
    for first in range(min(3, len(overlap))):
        taken, grown = [first], True
        while grown and len(taken) < views:
            grown = False
            for view in range(len(overlap)):
                if view not in taken and fits[view, taken].any() and len(taken) < views:
                    taken.append(view)
                    grown = True
        if len(taken) == views:
            break
    return taken
