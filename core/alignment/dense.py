"""Step 5: the depth of every pixel, at full resolution, from all edges that saw its photo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.similarity import Similarity
from ..pixel_mapping import PixelMapping
from ..prediction import Prediction
from ..settings import Distance
from .objective import power

Image = NDArray[np.float32]

BLOCK = 200_000  # values of a kind worked on at once: what fits the processor's cache
ROUNDS = 6  # of the reweighting; ten more lower the objective by less than a thousandth
SURE_OF_NOTHING = 1e-6  # weight of a pixel of confidence 1, so that it still gets the depth that was predicted
NEAREST = 1e-3  # of the median depth: no depth comes out smaller
FARTHEST = np.float32(1e12)  # depths beyond say nothing, and their squares would not be finite
TINY = 1e-6  # of the depth: a residual that small is exact


@dataclass(frozen=True, slots=True)
class Camera:
    """One photo's camera in the world of its edges."""

    R: NDArray[np.float64]  # (3, 3), camera to world
    centre: NDArray[np.float64]  # (3,), world
    focal: float  # photo pixels
    principal_point: NDArray[np.float64]  # (2,), photo pixels


@dataclass(frozen=True, slots=True)
class Side:
    """One edge's prediction of a photo: side 0 is photo i's, 1 photo j's."""

    prediction: Prediction
    side: int
    frame: Similarity  # the edge's frame to the world

    def pixels(self, rows: slice) -> tuple[Image, Image]:
        """Points (P, 3) and confidence (P,) of these flat pixels, as predicted."""
        p = self.prediction
        points, confidence = (p.points_j, p.confidence_j) if self.side else (p.points_i, p.confidence_i)
        X, C = points.detach().reshape(-1, 3)[rows], confidence.detach().reshape(-1)[rows]
        return X.float().cpu().numpy(), C.float().cpu().numpy()


@dataclass(frozen=True, slots=True)
class DenseDepth:
    """One photo's geometry, and what it costs."""

    depth: Image  # (H, W), > 0
    confidence: Image  # (H, W), the greatest that any edge gives (as published); 1 where none says anything
    misfit: NDArray[np.float64]  # (2,): sum of log C |chi - sigma_e P_e X|^p over unmasked pixels, as i and as j


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What M sides say of P pixels."""

    depth: Image  # (M, P), where on the pixel's ray the predicted point is nearest
    off: Image  # (M, P), squared distance of the point from the ray, over the ray's squared length
    weight: Image  # (M, P), log confidence; 0: says nothing
    confidence: Image  # (P,), the greatest, at least 1
    stretch: Image  # (P,), length of the ray per depth


def fuse_depth(
    mapping: PixelMapping,
    camera: Camera,
    sides: Sequence[Side],
    distance: Distance,
    mask: NDArray[np.bool_] | None,
    step: Callable[[], None],
    along_axis: bool = False,
) -> DenseDepth:
    """Per pixel  argmin_d sum_e log C_e |d ray - X_e|^p  over the photo's edges, X_e their points in its frame.

    Reweighted least squares from the harmonic mean, which far outliers hardly move. A pixel that nothing is predicted
    for gets the median depth. along_axis: the predicted z itself stands for the nearest depth on the ray. Calls `step`
    before every block of pixels.
    """
    width, height = mapping.view_size
    count = width * height
    slopes = (mapping.photo_pixels().reshape(-1, 2) - camera.principal_point) / camera.focal
    rays = np.concatenate([slopes.T, np.ones((1, count))]).astype(np.float32)
    kept = np.ones(count, dtype=np.float32) if mask is None else mask.reshape(-1).astype(np.float32)
    second = np.array([side.side for side in sides], dtype=np.int64)
    depth, confidence = np.full(count, np.nan, dtype=np.float32), np.ones(count, dtype=np.float32)
    misfit, size = np.zeros(2), max(BLOCK // max(len(sides), 1), 1000)
    for start in range(0, count if sides else 0, size):
        step()
        rows = slice(start, start + size)
        seen = _candidates(rays[:, rows], camera, sides, rows, along_axis)
        depth[rows], confidence[rows] = _fit(seen, distance), seen.confidence
        np.add.at(misfit, second, _misfit(seen, depth[rows], distance, kept[rows]))
    return DenseDepth(_filled(depth).reshape(height, width), confidence.reshape(height, width), misfit)


def _candidates(rays: Image, camera: Camera, sides: Sequence[Side], rows: slice, along_axis: bool) -> _Candidates:
    """rays: (3, P). Coordinates in rows, so that every operation runs along memory."""
    squared = np.einsum("ap,ap->p", rays, rays)
    depth, off, weight = np.empty((3, len(sides), rays.shape[1]), dtype=np.float32)
    greatest = np.ones(rays.shape[1], dtype=np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        for m, side in enumerate(sides):
            X, C = side.pixels(rows)
            linear = (float(side.frame.scale) * camera.R.T @ side.frame.R).astype(np.float32)
            shift = (camera.R.T @ (side.frame.translation - camera.centre)).astype(np.float32)
            points = linear @ X.T
            points += shift[:, None]
            depth[m] = points[2] if along_axis else np.einsum("ap,ap->p", points, rays) / squared
            points -= depth[m] * rays
            off[m] = np.einsum("ap,ap->p", points, points) / squared
            lost = _lost(depth[m], off[m], C)
            C = np.maximum(np.where(lost, 1, C) if lost.any() else C, 1)
            np.maximum(greatest, C, out=greatest)
            np.log(C, out=weight[m])
            weight[m] += np.float32(SURE_OF_NOTHING)
            if lost.any():
                depth[m, lost], off[m, lost], weight[m, lost] = 1, 0, 0
    return _Candidates(depth, off, weight, greatest, np.sqrt(squared))


def _lost(depth: Image, off: Image, confidence: Image) -> NDArray[np.bool_]:
    """(P,): what is no number or too far away; one False for all where sums already show that there is none."""
    if depth @ depth < FARTHEST**2 and off @ off < FARTHEST**3 and confidence @ confidence < FARTHEST**3:
        return np.zeros(1, dtype=bool)
    return ~((np.abs(depth) < FARTHEST) & (off < FARTHEST**2) & np.isfinite(confidence))


def _fit(seen: _Candidates, distance: Distance) -> Image:
    """(P,): the depth that fits best; NaN where nothing is known or everything lies behind the camera."""
    pull = np.zeros_like(seen.depth)
    np.divide(seen.weight, seen.depth, out=pull, where=seen.depth > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = np.einsum("mp,mp->p", pull, seen.depth) / pull.sum(0)
        off = seen.off + (TINY * depth) ** 2
        for _ in range(ROUNDS if distance == "l1" else 1):
            if distance == "l1":
                np.subtract(seen.depth, depth, out=pull)
                np.multiply(pull, pull, out=pull)
                pull += off
                np.sqrt(pull, out=pull)
                np.divide(seen.weight, pull, out=pull)
            else:
                pull = seen.weight
            depth = np.einsum("mp,mp->p", pull, seen.depth) / pull.sum(0)
    return np.where(depth > 0, depth, np.nan).astype(np.float32)


def _misfit(seen: _Candidates, depth: Image, distance: Distance, kept: Image) -> NDArray[np.float64]:
    """(M,): each side's sum of log C |d ray - X|^p over the kept pixels."""
    length = seen.depth - depth
    length *= length
    length += seen.off
    known = np.isfinite(depth)
    length[:, ~known] = 0
    if distance == "l1":
        np.sqrt(length, out=length)
    length *= seen.weight
    return (length @ (kept * seen.stretch ** power(distance))).astype(np.float64)


def _filled(depth: Image) -> Image:
    known = np.isfinite(depth)
    typical = float(np.median(depth[known])) if known.any() else 1.0
    return np.maximum(np.where(known, depth, typical), NEAREST * typical).astype(np.float32)
