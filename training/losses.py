"""How wrong predicted pointmaps are: the regression losses of DUSt3R (arXiv 2312.14132, eq. 2 to 4).

Everything here is batched over pairs, in float32 or wider, and finite for any finite input, also where a pair has no
valid pixel or all its points lie in one place.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Invariance = Literal["none", "shift", "scale", "both"]
ALPHA = 0.2  # weight of log C against C times the error
SMALLEST = 1e-6  # least length that is divided by, in the unit of the points


@dataclass(frozen=True, slots=True)
class PairPoints:
    """Pointmaps of both photos of B pairs as one list of N points each, in camera i's frame."""

    points: Tensor  # (B, N, 3)
    valid: Tensor  # (B, N), bool; points elsewhere may hold anything


def joined(points_i: Tensor, points_j: Tensor, valid_i: Tensor, valid_j: Tensor) -> PairPoints:
    """Both photos' points (B, Hi, Wi, 3) and (B, Hj, Wj, 3), with masks (B, H, W), as one list."""
    valid = torch.cat([valid_i.flatten(1), valid_j.flatten(1)], dim=1)
    points = torch.cat([points_i.flatten(1, 2), points_j.flatten(1, 2)], dim=1)
    return PairPoints(torch.where(valid[..., None], points, 0.0), valid)


def pixel_errors(predicted: Tensor, truth: PairPoints, invariance: Invariance = "none") -> Tensor:
    """‖X/z − X̄/z̄‖ of every pixel, (B, N), 0 where it is not valid.

    z, z̄: mean distance to the origin of both photos' valid points together. Each cloud is divided by its own, so the
    overall scale never counts. predicted: (B, N, 3).
    invariance: what else is forgiven. "shift": an offset in depth (each cloud's median depth is taken off first);
    "scale": a scale upset by outliers (the median distance from the cloud's median is made equal); "both".
    """
    valid = truth.valid
    x, y = torch.where(valid[..., None], predicted, 0.0), truth.points
    if invariance in ("shift", "both"):
        x, y = _without_depth(x, valid), _without_depth(y, valid)
    x, y = normalised(x, valid), normalised(y, valid)
    if invariance in ("scale", "both"):
        x = x * (_spread(y, valid) / _spread(x, valid).clamp(min=SMALLEST))[:, None, None]
    return torch.where(valid, torch.where(valid[..., None], x - y, 0.0).norm(dim=-1), 0.0)


def regression_loss(predicted: Tensor, truth: PairPoints, invariance: Invariance = "none") -> Tensor:
    """Mean error over each pair's valid pixels, then over the pairs that have any; a scalar, 0 if none has."""
    return _mean_over_pairs(pixel_errors(predicted, truth, invariance), truth.valid)


def confidence_loss(
    predicted: Tensor, confidence: Tensor, truth: PairPoints, alpha: float = ALPHA, invariance: Invariance = "none"
) -> Tensor:
    """Mean of C·ℓ − α·log C, averaged as `regression_loss`: least at C = α/ℓ. confidence: (B, N), above 0."""
    errors = pixel_errors(predicted, truth, invariance)
    confidence = torch.where(truth.valid, confidence, 1.0)
    return _mean_over_pairs(confidence * errors - alpha * confidence.log(), truth.valid)


def normalised(points: Tensor, valid: Tensor) -> Tensor:
    """Points (B, N, 3) over the valid ones' mean distance to the origin."""
    return points / _masked_mean(points.norm(dim=-1), valid).clamp(min=SMALLEST)[:, None, None]


def _without_depth(points: Tensor, valid: Tensor) -> Tensor:
    depth = _masked_median(points[..., 2], valid)
    return points - torch.stack([torch.zeros_like(depth), torch.zeros_like(depth), depth], dim=-1)[:, None]


def _spread(points: Tensor, valid: Tensor) -> Tensor:
    """Median distance of the valid points from their median, (B,)."""
    centre = torch.stack([_masked_median(points[..., axis], valid) for axis in range(3)], dim=-1)
    return _masked_median((points - centre[:, None]).norm(dim=-1), valid)


def _masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of the valid values of each row, (B, N) -> (B,); 0 without any."""
    return (values * valid).sum(dim=1) / valid.sum(dim=1).clamp(min=1)


def _masked_median(values: Tensor, valid: Tensor) -> Tensor:
    """Median of the valid values of each row, (B, N) -> (B,); 0 without any."""
    median = values.masked_fill(~valid, torch.nan).nanmedian(dim=1).values
    return torch.where(valid.any(dim=1), median, 0.0)


def _mean_over_pairs(values: Tensor, valid: Tensor) -> Tensor:
    filled = valid.any(dim=1)
    return (_masked_mean(values, valid) * filled).sum() / filled.sum().clamp(min=1)
