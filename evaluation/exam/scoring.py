"""What a method found of photos with known cameras, as figures. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.cameras.posed_images import PosedPhoto, read_depth, read_posed_photos
from ...core.errors import InputError
from ...core.geometry.camera import unproject
from ..metrics.confidence import ConfidenceBin
from ..metrics.depth import depth_metrics
from ..metrics.points import point_errors
from ..metrics.poses import align_cameras, focal_errors, pair_errors, placed_photos, summarise_errors
from ..metrics.thresholds import RECALLS
from .found import FoundPhoto

LOST = 180.0  # degrees: the error of a pair of photos that share no world

Array = NDArray[np.float64]
Depths = Mapping[str, NDArray[np.float32]]  # photo's name -> true z depth (H, W), any resolution, 0 where unknown


@dataclass(frozen=True, slots=True)
class Exam:
    """Figures by their usual names: shares and relative errors in percent, angles in degrees."""

    figures: dict[str, float]
    warnings: tuple[str, ...] = ()  # what the user should know, one sentence each
    confidence: tuple[ConfidenceBin, ...] = ()  # what the network's means, where it was asked


def read_truth(folder: Path) -> tuple[PosedPhoto, ...]:
    """The photos of a posed folder; raises InputError where there are too few for an exam."""
    truth = read_posed_photos(folder)
    if len(truth) < 2:
        raise InputError(f"{folder} has one photo with a true camera; relative poses need two")
    return truth


def read_depths(truth: Sequence[PosedPhoto]) -> Depths:
    """True depth of the photos that have it. Raises InputError, naming the file, where it cannot be read."""
    return {photo.name: read_depth(photo.depth) for photo in truth if photo.depth is not None}


def camera_figures(
    truth: Sequence[PosedPhoto], found: Mapping[str, FoundPhoto], recalls: Sequence[float] = RECALLS
) -> dict[str, float]:
    """Those of `summarise_errors` over all pairs; photos, registered, placed: counts; focal: median error in percent.

    A pair whose photos share no world, because one of them has no camera or because there are several worlds, counts
    with the greatest error. registered: photos of the largest world, 0 where it has but one; placed: as
    `placed_photos` counts them. focal: of the photos that have a camera; missing where none has.
    """
    true = np.stack([photo.cam2world for photo in truth])
    cam2world, component = np.tile(np.eye(4), (len(truth), 1, 1)), -1 - np.arange(len(truth))
    for k, photo in enumerate(truth):
        if photo.name in found:
            cam2world[k], component[k] = found[photo.name].cam2world, found[photo.name].component
    i, j = np.triu_indices(len(truth), 1)
    apart = component[i] != component[j]
    rotation, direction = (np.where(apart, LOST, errors) for errors in pair_errors(cam2world, true))
    largest = int(np.unique(component, return_counts=True)[1].max())
    counts = {"photos": len(truth), "registered": largest if largest > 1 else 0}
    counts["placed"] = placed_photos(cam2world, true, component)
    return counts | summarise_errors(rotation, direction, recalls) | _focal_figures(truth, found)


def depth_figures(truth: Sequence[PosedPhoto], found: Mapping[str, FoundPhoto], depths: Depths) -> dict[str, float]:
    """Those of `depth_metrics`, means over the photos with true depth: the unit is each photo's own.

    Compared are the pixels that have a point and a true depth. None where no photo has both.
    """
    rows = []
    for photo in truth:
        if photo.name in found and photo.name in depths:
            seen = found[photo.name]
            true = depth_at(depths[photo.name], seen.pixels, photo.size)
            z = (seen.points - seen.cam2world[:3, 3]) @ seen.cam2world[:3, 2]
            rows += [depth_metrics(z[true > 0], true[true > 0])] if (true > 0).any() else []
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} if rows else {}


def point_figures(truth: Sequence[PosedPhoto], found: Mapping[str, FoundPhoto], depths: Depths) -> dict[str, float]:
    """points: how many have a true depth at their pixel; point_error: median of `point_errors`, percent.

    The largest world is laid over the true one by its cameras (`align_cameras`), not by its points. None where that
    world has one photo, or no such point.
    """
    members = _largest_world(truth, found)
    if len(members) < 2:
        return {}
    poses = [np.stack(poses) for poses in zip(*((found[p.name].cam2world, p.cam2world) for p in members), strict=True)]
    move, _, _ = align_cameras(*poses)
    errors = []
    for photo in members:
        if photo.name in depths:
            seen = found[photo.name]
            true = depth_at(depths[photo.name], seen.pixels, photo.size).astype(np.float64)
            known = true > 0
            places = unproject(seen.pixels[known], true[known], photo.K, photo.cam2world)
            errors.append(point_errors(move.apply(seen.points[known]), places, true[known]))
    together = np.concatenate([np.empty(0), *errors])
    return {"points": len(together), "point_error": float(np.median(together))} if len(together) else {}


def depth_at(depth: NDArray[np.float32], pixels: Array, photo_size: tuple[int, int]) -> NDArray[np.float32]:
    """The value of a depth map (H, W) of the whole photo nearest to each photo pixel (..., 2): edges stay unmixed."""
    scale = np.array(depth.shape[::-1]) / photo_size
    x, y = np.moveaxis(np.floor(pixels * scale).astype(int), -1, 0)
    return depth[np.clip(y, 0, depth.shape[0] - 1), np.clip(x, 0, depth.shape[1] - 1)]


def _largest_world(truth: Sequence[PosedPhoto], found: Mapping[str, FoundPhoto]) -> list[PosedPhoto]:
    worlds: dict[int, list[PosedPhoto]] = {}
    for photo in truth:
        if photo.name in found:
            worlds.setdefault(found[photo.name].component, []).append(photo)
    return max(worlds.values(), key=len, default=[])


def _focal_figures(truth: Sequence[PosedPhoto], found: Mapping[str, FoundPhoto]) -> dict[str, float]:
    pairs = [(found[photo.name].K, photo.K) for photo in truth if photo.name in found]
    if not pairs:
        return {}
    return {"focal": float(np.median(focal_errors(*(np.stack(K) for K in zip(*pairs, strict=True)))))}
