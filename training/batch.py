"""What every source of training data delivers: a few scenes, several views of each, pairs of views that overlap."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
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

    def mapped(self, change: Callable[[Any], Any]) -> "SceneBatch":
        """The same batch after `change` of every field."""
        return SceneBatch(*(change(getattr(self, field.name)) for field in fields(self)))

    def pin_memory(self) -> "SceneBatch":
        """The same batch in page-locked memory, out of which a GPU copies while it computes."""
        return self.mapped(torch.Tensor.pin_memory)


def blank_batch(scenes: int, views: int, pairs: int, size: tuple[int, int]) -> SceneBatch:
    """A batch of the given shape that shows black walls one unit ahead; for a network to be warmed up with."""
    width, height = size
    shape = (scenes, views)
    return SceneBatch(
        torch.zeros(*shape, 3, height, width, dtype=torch.uint8),
        torch.ones(*shape, height, width, 3),
        torch.ones(*shape, height, width, dtype=torch.bool),
        torch.eye(4).expand(*shape, 4, 4).contiguous(),
        torch.tensor([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]]).expand(*shape, 3, 3).contiguous(),
        torch.tensor([0, 1]).expand(scenes, pairs, 2).contiguous(),
    )


class Source(Protocol):
    """Training data, deterministic: the same seed, number and shape give the same batch on any machine and worker."""

    def batch(
        self, number: int, scenes: int, views: int, pairs: int, size: tuple[int, int], unordered: bool = False
    ) -> SceneBatch:
        """Batch `number` (from 0), on the CPU; size: (width, height).

        unordered: the other order of a pair counts as the same pair; for whoever decodes both orders of each.
        """
        ...
