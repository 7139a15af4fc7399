"""What several predictions of a photo say of its pixels' depths, and the depths that fit them best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..geometry.similarity import Similarity
from ..settings import Distance
from .objective import power

Image = NDArray[np.float32]

ROUNDS = 6  # of the reweighting; ten more lower the objective by less than a thousandth
SURE_OF_NOTHING = 1e-6  # weight of a pixel of confidence 1, so that it still gets the depth that was predicted
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
class Reading:
    """What one edge predicts of P pixels of a photo."""

    points: Image  # (P, 3), in the edge's frame
    confidence: Image  # (P,)
    frame: Similarity  # the edge's frame to the world

    def part(self, rows: slice) -> Self:
        """The same of some of the pixels."""
        return type(self)(self.points[rows], self.confidence[rows], self.frame)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What M readings say of P pixels."""

    depth: Image  # (M, P), where on the pixel's ray the predicted point is nearest
    off: Image  # (M, P), squared distance of the point from the ray, over the ray's squared length
    weight: Image  # (M, P), log confidence; 0: says nothing
    confidence: Image  # (P,), the greatest, at least 1
    stretch: Image  # (P,), length of the ray per depth

    def misfit(self, depth: Image, distance: Distance, unmasked: Image) -> NDArray[np.float64]:
        """(M,): each reading's sum of log C |d ray - X|^p over the pixels, those masked times 0."""
        length = self.depth - depth
        length *= length
        length += self.off
        known = np.isfinite(depth)
        length[:, ~known] = 0
        if distance == "l1":
            np.sqrt(length, out=length)
        length *= self.weight
        return (length @ (unmasked * self.stretch ** power(distance))).astype(np.float64)


def candidates(rays: Image, camera: Camera, readings: Sequence[Reading], along_axis: bool = False) -> Candidates:
    """Where the readings of P pixels lie along the pixels' rays (3, P) of unit depth, in the camera's frame.

    along_axis: the predicted z itself stands for the nearest depth on the ray.
    """
    squared = np.einsum("ap,ap->p", rays, rays)
    depth, off, weight = np.empty((3, len(readings), rays.shape[1]), dtype=np.float32)
    greatest = np.ones(rays.shape[1], dtype=np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        for m, reading in enumerate(readings):
            X, C, frame = reading.points, reading.confidence, reading.frame
            linear = (float(frame.scale) * camera.R.T @ frame.R).astype(np.float32)
            shift = (camera.R.T @ (frame.translation - camera.centre)).astype(np.float32)
            points = linear @ X.T  # coordinates in rows, so that every operation runs along memory
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
                for values in (depth[m], off[m], weight[m]):
                    values[lost] = 0
    return Candidates(depth, off, weight, greatest, np.sqrt(squared))


def _lost(depth: Image, off: Image, confidence: Image) -> NDArray[np.bool_]:
    """(P,): what is no number or too far away; one False for all where sums already show that there is none."""
    if depth @ depth < FARTHEST**2 and off @ off < FARTHEST**3 and confidence @ confidence < FARTHEST**3:
        return np.zeros(1, dtype=bool)
    return ~((np.abs(depth) < FARTHEST) & (off < FARTHEST**2) & np.isfinite(confidence))


def fit(seen: Candidates, distance: Distance) -> Image:
    """Per pixel  argmin_d sum_m weight |d ray - X_m|^p,  (P,): reweighted least squares from the harmonic mean.

    Far outliers hardly move that mean. NaN where nothing is known or everything lies behind the camera.
    """
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
