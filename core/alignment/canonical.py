"""Step 1: of every photo by itself, its focal and the pointmap that all its edges agree on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..geometry.camera import estimate_focal, focal_bounds, pixel_rays
from ..geometry.pnp import solve_pnp
from ..geometry.similarity import weighted_median
from .known import Pins
from .observations import Array, Indices, Observations

SPREAD_OF_ONE = 0.01  # relative error of a focal that a single pointmap shows
CONTRADICTION = 3.0  # standard errors between EXIF's focal and the pointmaps' from which EXIF's is dropped
SPREAD_UNKNOWN = 0.3  # of a focal that nothing shows: as long as the longer side, 53 degrees
PNP_EDGES = 4  # of a photo never first in an edge: its most confident ones


@dataclass(frozen=True, slots=True)
class Canonical:
    """The photos' own geometry; units differ from photo to photo."""

    focal: Array  # (N,), photo pixels
    focal_spread: Array  # (N,), relative standard error of the focal
    principal_point: Array  # (N, 2), photo pixels
    depth: Array  # (N, P), > 0
    weight: Array  # (N, P), mean log confidence; 0 where no edge says anything
    known: NDArray[np.bool_]  # (N,), False: nothing usable is known of the photo's own shape
    stretch: Array  # (N,), a focal that was known beforehand over the one that the pointmaps show; 1 without one
    dropped: NDArray[np.bool_]  # (N,), EXIF's focal contradicts the pointmaps and is not used

    def of(self, photos: Indices) -> Self:
        """The part of these photos."""
        return type(self)(*(getattr(self, name)[photos] for name in self.__slots__))


def canonical_pointmaps(
    observations: Observations,
    principal_points: Array,
    pins: Pins,
    seed: int,
    step: Callable[[], None],
    network_spread: float = 0.0,
) -> Canonical:
    """Per photo, over the M edges where it comes first (X its points there, w = log C, c the principal point):

    focal   argmin_f sum_m sum_px w |pixel - c - f (X_x, X_y) / X_z|
    depth   argmin_d sum_m w |log d - log(a_m X_z)|, a_m bringing the edges to one scale (median log ratio).
    A photo that is never first is posed by PnP in the edges where it is second. Photos that share their focal
    get the median of their focals, weighted by certainty. What is known of a focal is taken, or averaged in by
    certainty, for which a pointmap's focal has the relative error `network_spread` beside its scatter. Calls `step`
    before every photo.
    """
    found, shapes = [], []
    for photo, principal_point in enumerate(principal_points):
        step()
        points, weight = _own_maps(observations, photo, principal_point, pins, seed)
        found.append(_focal(observations, photo, principal_point, points, weight))
        shapes.append(fuse_depths(points[..., 2], weight))
    seen, spread = np.array(found).T
    told, dropped = _usable(seen, np.hypot(spread, network_spread), pins)
    spread = np.where(told, np.hypot(spread, network_spread), spread)
    focal, spread = _share(*_informed(seen, spread, told, pins), told, pins)
    stretched = np.isin(pins.focal_group, pins.focal_group[told])
    return Canonical(
        focal,
        spread,
        principal_points,
        np.stack([depth for depth, _ in shapes]),
        np.stack([weight for _, weight in shapes]),
        np.array([bool((weight > 0).any()) for _, weight in shapes]),
        np.where(stretched, focal / seen, 1.0),
        dropped,
    )


def canonical_points(canonical: Canonical, pixels: Array) -> Array:
    """(N, P, 3): every photo's canonical pointmap in its own camera frame."""
    rays = pixel_rays(pixels, canonical.focal, canonical.principal_point)
    return rays * canonical.depth[..., None]


def _own_maps(
    observations: Observations, photo: int, principal_point: Array, pins: Pins, seed: int
) -> tuple[Array, Array]:
    """Pointmaps (M, P, 3) in the photo's own camera frame and their weights (M, P), 0 at and behind the camera."""
    first = (observations.edges[:, 0] == photo) & (observations.weight[:, 0] > 0).any(-1)
    points, weight = observations.points[first, 0], observations.weight[first, 0]
    if not (weight * (points[..., 2] > 0) > 0).any():
        points, weight = _posed_maps(observations, photo, principal_point, pins, seed)
    return points, np.where(points[..., 2] > 0, weight, 0.0)


def _posed_maps(
    observations: Observations, photo: int, principal_point: Array, pins: Pins, seed: int
) -> tuple[Array, Array]:
    """The same for a photo that is never first: from other cameras' frames, by PnP, its focal mostly unknown."""
    focal = float(pins.focal[photo]) if pins.focal_pinned[photo] else None
    second = np.flatnonzero(observations.edges[:, 1] == photo)
    best = second[np.argsort(-observations.score[second], kind="stable")][:PNP_EDGES]
    points, weights = [], []
    for e in best:
        X, w = observations.points[e, 1], observations.weight[e, 1]
        pixels, size = observations.pixels[photo], observations.sizes[photo]
        camera = solve_pnp(X, pixels, w, principal_point, size, focal, seed=seed)
        if camera is not None:
            R, centre = camera.cam2world[:3, :3], camera.cam2world[:3, 3]
            points.append((X - centre) @ R)
            weights.append(w)
    shape = (len(points), observations.pixels.shape[1])
    return np.array(points).reshape(*shape, 3), np.array(weights).reshape(shape)


def _focal(
    observations: Observations, photo: int, principal_point: Array, points: Array, weight: Array
) -> tuple[float, float]:
    """The focal over all pointmaps together, and its relative standard error from how far single ones scatter."""
    bounds, centred = focal_bounds(observations.sizes[photo]), observations.pixels[photo] - principal_point
    usable = (weight > 0).any(-1)
    if not usable.any():
        return float(max(observations.sizes[photo])), SPREAD_UNKNOWN
    points, weight = points[usable], weight[usable]
    every = np.tile(centred, (len(points), 1))
    focal = float(estimate_focal(points.reshape(-1, 3), every, weight.ravel(), bounds))
    if len(points) < 2:
        return focal, SPREAD_OF_ONE
    single = estimate_focal(points, centred[None], weight, bounds)
    scatter = 1.4826 * np.median(np.abs(np.log(single) - np.log(focal)))
    return focal, float(np.clip(scatter, 1e-4, None) / np.sqrt(len(points)))


def _usable(focal: Array, spread: Array, pins: Pins) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which photos' focals are known beforehand (N,), and which are not used: EXIF's, where they contradict (N,)."""
    told = np.isfinite(pins.focal)
    apart = np.abs(np.log(np.where(told, pins.focal, focal) / focal))
    dropped = told & pins.focal_from_exif & (apart > CONTRADICTION * np.hypot(spread, pins.focal_spread))
    return told & ~dropped, dropped


def _informed(focal: Array, spread: Array, told: NDArray[np.bool_], pins: Pins) -> tuple[Array, Array]:
    """The focals seen and those known beforehand, averaged by certainty; exactly the known where that is exact."""
    seen, known = 1 / spread**2, np.where(told, 1 / pins.focal_spread**2, 0)
    logs = np.log(np.where(told, pins.focal, focal))
    mean = np.exp((seen * np.log(focal) + known * logs) / (seen + known))
    pinned = pins.focal_pinned
    return np.where(pinned, pins.focal, mean), np.where(pinned, pins.focal_spread, 1 / np.sqrt(seen + known))


def _share(focal: Array, spread: Array, told: NDArray[np.bool_], pins: Pins) -> tuple[Array, Array]:
    focal, spread = focal.copy(), spread.copy()
    numbers, count = np.unique(pins.focal_group, return_counts=True)
    for number in numbers[count > 1]:
        same = pins.focal_group == number
        if (pinned := same & pins.focal_pinned).any():
            focal[same & ~pinned], spread[same] = np.median(focal[pinned]), spread[pinned].min()
            continue
        if (known := same & told).any():
            focal[same], spread[same] = weighted_median(focal[known], 1 / spread[known]), spread[known].mean()
            continue
        focal[same] = weighted_median(focal[same], 1 / spread[same])
        spread[same] = spread[same].mean() / np.sqrt(same.sum())
    return focal, spread


def fuse_depths(depth: Array, weight: Array, rounds: int = 3) -> tuple[Array, Array]:
    """One depth map (P,) and weight (P,) out of M of different scales, (M, P); weight 0 where depth is not above 0."""
    pixels = depth.shape[1]
    usable = (weight > 0).any(-1)
    depth, weight = depth[usable], weight[usable]
    if not len(depth):
        return np.ones(pixels), np.zeros(pixels)
    logs = np.log(np.where(weight > 0, depth, 1.0))
    scale = weighted_median(logs, weight)
    for _ in range(rounds):
        fused = weighted_median((logs - scale[:, None]).T, weight.T)
        scale = scale + weighted_median(logs - scale[:, None] - fused, weight)
    fused = weighted_median((logs - scale[:, None]).T, weight.T)
    total = weight.mean(0)
    fused[total == 0] = weighted_median(fused, total)
    return np.exp(fused), total
