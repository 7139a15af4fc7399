"""How alike photos are, from what the encoder says of them: which pairs are worth showing to the network."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..networks.dust3r.dust3r import Encoded

CELLS = (2, 2)  # of a photo, each pooled alone: half a photo may show what half of another does


@torch.inference_mode()
def pooled(encoded: Encoded) -> Tensor:
    """One unit vector for each cell of every photo: (B, cells, C), float32, the mean of its tokens' features."""
    patch = math.isqrt(encoded.shape[0] * encoded.shape[1] // encoded.tokens.shape[1])
    grid = (encoded.shape[0] // patch, encoded.shape[1] // patch)
    features = encoded.tokens.float().transpose(1, 2).unflatten(2, grid)
    cells = nn.functional.adaptive_avg_pool2d(features, CELLS).flatten(2).transpose(1, 2)
    return nn.functional.normalize(cells, dim=-1)


def likeness_of(photos: Sequence[Tensor]) -> NDArray[np.float64]:
    """(N, N), symmetric, at most 1: how well every cell of one photo finds its like in the other, both ways averaged.

    photos: N of what `pooled` makes of one photo. What two have in common does not depend on the others, so that it
    stays the same when photos are added or taken away.
    """
    found = _found_in(torch.cat(list(photos)), torch.cat(list(photos)))
    return ((found + found.T) / 2).double().numpy()


def likeness_between(photos: Sequence[Tensor], others: Sequence[Tensor]) -> NDArray[np.float64]:
    """(N, M): the same of N photos with M others."""
    a, b = torch.cat(list(photos)), torch.cat(list(others))
    return ((_found_in(a, b) + _found_in(b, a).T) / 2).double().numpy()


@torch.inference_mode()
def _found_in(cells: Tensor, others: Tensor) -> Tensor:
    """(N, M): how well the cells of photos (N, cells, C) find their like among those of others (M, cells, C)."""
    every = others.flatten(0, 1).T
    return torch.stack([(one @ every).unflatten(1, others.shape[:2]).amax(2).mean(0) for one in cells])
