"""What every source of training data delivers: a few scenes, several views of each, pairs of views that overlap."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True)
class SceneBatch:
    """S scenes of one image size with V views each and P ordered pairs of them.

    Many pairs per scene, so that the encoder runs once per view and the decoders on many pairs.
    """

    images: Tensor  # (S, V, 3, H, W), uint8, sRGB
    points: Tensor  # (S, V, H, W, 3), float32, the scene's world frame, any unit
    valid: Tensor  # (S, V, H, W), bool: the pixel shows a surface whose point is known
    cam2world: Tensor  # (S, V, 4, 4), float32, rigid, OpenCV axes
    K: Tensor  # (S, V, 3, 3), float32, pixels, pixel centres at .5
    pairs: Tensor  # (S, P, 2), int64, views (i, j) of each ordered pair; i == j only where a source offers no other


class Source(Protocol):
    """Training data, deterministic: the same seed, number and shape give the same batch on any machine and worker."""

    def batch(self, number: int, scenes: int, views: int, pairs: int, size: tuple[int, int]) -> SceneBatch:
        """Batch `number` (from 0), on the CPU; size: (width, height)."""
        ...
