"""The published solver: Adam on every pose, focal and depth, over every pixel of every edge in every step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from ...core.images.pixel_mapping import PixelMapping
from ...core.inference.prediction import Prediction
from ...core.settings import AlignmentSettings
from .start import MEAN_SCALE, Start, spanning_tree_start

Array = NDArray[np.float64]

FOCAL_BREAK, CENTRE_STEP = 20.0, 10.0  # focal = exp(p / 20), principal point = centre + 10 p
LAST_RATE = 1e-6
BETAS = (0.9, 0.9)


@dataclass(frozen=True, slots=True)
class DenseResult:
    """Cameras and depths of N photos; pixels are the photo's."""

    cam2world: Array  # (N, 4, 4), rigid
    focal: Array  # (N,), photo pixels
    principal_point: Array  # (N, 2), photo pixels
    depth: tuple[NDArray[np.float32], ...]  # N x (H, W)
    losses: tuple[float, ...]  # before every step, and at the end


def align_densely(
    mappings: Sequence[PixelMapping],
    predictions: Sequence[Prediction],
    settings: AlignmentSettings,
    principal_points: Array,
    *,
    start: Start | None = None,
    stale_focal: bool = False,
) -> DenseResult:
    """Minimise  sum_e sum_v mean_px log C |chi^v - sigma_e P_e X^{v,e}|^p  with Adam, as published, in float32.

    start: where from; the spanning tree if not given. Raises ValueError when the photos are not all connected.
    """
    centres = np.asarray(principal_points, dtype=np.float64)
    begin = start or spanning_tree_start(mappings, predictions, centres, stale_focal=stale_focal)
    problem = _Problem(mappings, predictions, settings, centres, begin)
    optimiser = torch.optim.Adam(problem.free, lr=settings.learning_rate, betas=BETAS)
    losses = []
    for step in range(settings.iterations):
        for group in optimiser.param_groups:
            group["lr"] = scheduled_rate(step, settings)
        optimiser.zero_grad()
        loss = problem.loss()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    with torch.no_grad():
        losses.append(float(problem.loss()))
    return problem.result(losses)


def scheduled_rate(step: int, settings: AlignmentSettings) -> float:
    """From the first rate to 1e-6, along half a cosine or a line."""
    done = step / settings.iterations
    share = (1 + np.cos(np.pi * done)) / 2 if settings.schedule == "cosine" else 1 - done
    return LAST_RATE + (settings.learning_rate - LAST_RATE) * float(share)


class _Problem:
    """The unknowns in the published parametrisation, to which the step sizes refer, and the stacked predictions.

    Photos of fewer pixels are filled up with pixels of weight 0.
    """

    def __init__(
        self,
        mappings: Sequence[PixelMapping],
        predictions: Sequence[Prediction],
        settings: AlignmentSettings,
        centres: Array,
        start: Start,
    ) -> None:
        self.mappings, self.squared = mappings, settings.distance == "l2"
        self.edges = torch.tensor([tuple(p.edge) for p in predictions])
        areas = torch.tensor([mapping.view_size[0] * mapping.view_size[1] for mapping in mappings])
        width = int(areas.max())
        self.points = [_stack([_side(p, s)[0].reshape(-1, 3) for p in predictions], width) for s in (0, 1)]
        self.weight = [_stack([_side(p, s)[1].reshape(-1).log() for p in predictions], width) for s in (0, 1)]
        self.area = areas[self.edges].sum(0).tolist()
        self.pixels = _stack([_tensor(mapping.photo_pixels().reshape(-1, 2)) for mapping in mappings], width)
        self.centres = _tensor(centres)
        self._unknowns(start, width, settings.optimize_principal_point)

    def _unknowns(self, start: Start, width: int, free_centres: bool) -> None:
        scale, translation = start.frames.scale, start.frames.translation
        self.edge_turn = _tensor(_quaternions(start.frames.R))
        self.edge_move = _tensor(_log_signed(translation / scale[:, None]))
        self.edge_scale = _tensor(np.log(scale))
        self.turn = _tensor(_quaternions(start.cam2world[:, :3, :3]))
        self.move = _tensor(_log_signed(start.cam2world[:, :3, 3]))
        self.focal = _tensor(FOCAL_BREAK * np.log(start.focal))
        self.depth = _stack([_tensor(_log_depth(depth)) for depth in start.depth], width)
        self.shift = torch.zeros_like(self.centres)
        self.free = [self.edge_turn, self.edge_move, self.edge_scale, self.turn, self.move, self.focal, self.depth]
        self.free += [self.shift] if free_centres else []
        for unknown in self.free:
            unknown.requires_grad_(True)

    def loss(self) -> Tensor:
        chi = self._world()
        scale = torch.exp(self.edge_scale - self.edge_scale.mean() + float(np.log(MEAN_SCALE)))
        R, move = scale[:, None, None] * _rotations(self.edge_turn), scale[:, None] * _exp_signed(self.edge_move)
        total = torch.zeros(())
        for side in (0, 1):
            predicted = self.points[side] @ R.mT + move[:, None]
            apart = chi[self.edges[:, side]] - predicted
            length = (apart**2).sum(-1) if self.squared else apart.norm(dim=-1)
            total = total + (self.weight[side] * length).sum() / self.area[side]
        return total

    def _world(self) -> Tensor:
        """(N, P, 3): where cameras and depths put every pixel."""
        depth, centre = self.depth.exp()[..., None], self.centres + CENTRE_STEP * self.shift
        focal = (self.focal / FOCAL_BREAK).exp()
        slopes = (self.pixels - centre[:, None]) / focal[:, None, None]
        camera = torch.cat([slopes * depth, depth], dim=-1)
        return camera @ _rotations(self.turn).mT + _exp_signed(self.move)[:, None]

    @torch.no_grad()
    def result(self, losses: list[float]) -> DenseResult:
        cam2world = torch.eye(4).repeat(len(self.turn), 1, 1)
        cam2world[:, :3, :3], cam2world[:, :3, 3] = _rotations(self.turn), _exp_signed(self.move)
        depth = []
        for flat, mapping in zip(self.depth.exp(), self.mappings, strict=True):
            width, height = mapping.view_size
            depth.append(flat[: width * height].reshape(height, width).numpy())
        return DenseResult(
            cam2world.numpy().astype(np.float64),
            (self.focal / FOCAL_BREAK).exp().numpy().astype(np.float64),
            (self.centres + CENTRE_STEP * self.shift).numpy().astype(np.float64),
            tuple(depth),
            tuple(losses),
        )


def _side(prediction: Prediction, side: int) -> tuple[Tensor, Tensor]:
    if side == 0:
        return prediction.points_i, prediction.confidence_i
    return prediction.points_j, prediction.confidence_j


def _stack(parts: list[Tensor], width: int) -> Tensor:
    """(M, width, ...) float32, zero where a part is shorter."""
    stacked = torch.zeros((len(parts), width, *parts[0].shape[1:]))
    for row, part in zip(stacked, parts, strict=True):
        row[: len(part)] = part
    return stacked


def _tensor(values: Array) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _log_depth(depth: Array) -> Array:
    """log d; 0 where d is not positive (the published treatment: an arbitrary point in front)."""
    return np.log(np.where(depth > 0, depth, 1.0))


def _log_signed(x: Array) -> Array:
    return np.copysign(np.log1p(np.abs(x)), x)


def _exp_signed(p: Tensor) -> Tensor:
    return p.sign() * p.abs().expm1()


def _quaternions(R: Array) -> Array:
    """(M, 3, 3) -> (M, 4): x, y, z, w, of length 1."""
    return Rotation.from_matrix(R).as_quat()


def _rotations(quaternion: Tensor) -> Tensor:
    """(M, 4): x, y, z, w, of any length -> (M, 3, 3)."""
    x, y, z, w = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
