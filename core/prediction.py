"""What the network says of one pair of photos."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .scene_graph import Edge


class PairPrediction(Protocol):
    """What the alignment reads of one edge (i, j), wherever it lies. Side 0 is photo i's, side 1 photo j's."""

    @property
    def edge(self) -> Edge: ...

    def shape(self, side: int) -> tuple[int, int]:
        """(H, W) of the side's photo."""
        ...

    def at(self, side: int, pixels: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Points (P, 3) and confidence (P,) at flat pixels that are among those of `spread.spread`."""
        ...

    def dense(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Points (H * W, 3) and confidence (H * W,) of every pixel; None where only those of `spread` were kept."""
        ...


@dataclass(frozen=True, slots=True)
class Prediction:
    """The network's output for one edge (i, j); everything in camera i's frame, up to scale."""

    edge: Edge
    points_i: Tensor  # (Hi, Wi, 3), float32
    points_j: Tensor  # (Hj, Wj, 3), float32
    confidence_i: Tensor  # (Hi, Wi), float32, >= 1
    confidence_j: Tensor  # (Hj, Wj), float32, >= 1

    def shape(self, side: int) -> tuple[int, int]:
        height, width = self._fields(side)[0].shape[:2]
        return height, width

    def at(self, side: int, pixels: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        points, confidence = self._flat(side)
        return points[pixels].cpu().numpy(), confidence[pixels].cpu().numpy()

    def dense(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        points, confidence = self._flat(side)
        return points.float().cpu().numpy(), confidence.float().cpu().numpy()

    def _fields(self, side: int) -> tuple[Tensor, Tensor]:
        return (self.points_j, self.confidence_j) if side else (self.points_i, self.confidence_i)

    def _flat(self, side: int) -> tuple[Tensor, Tensor]:
        points, confidence = self._fields(side)
        return points.detach().reshape(-1, 3), confidence.detach().reshape(-1)
