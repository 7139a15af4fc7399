"""What the network says of one pair of photos."""

from dataclasses import dataclass

from torch import Tensor

from .scene_graph import Edge


@dataclass(frozen=True, slots=True)
class Prediction:
    """The network's output for one edge (i, j); everything in camera i's frame, up to scale."""

    edge: Edge
    points_i: Tensor  # (Hi, Wi, 3), float32
    points_j: Tensor  # (Hj, Wj, 3), float32
    confidence_i: Tensor  # (Hi, Wi), float32, >= 1
    confidence_j: Tensor  # (Hj, Wj), float32, >= 1
