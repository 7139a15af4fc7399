"""The published way to predict a scene: one ordered pair after the other, both photos encoded anew, in float32."""

import torch
from torch import Tensor

from ...core.networks.dust3r.dust3r import DUSt3R, PairOutput


@torch.no_grad()  # not inference_mode: torch's own products, not ours
def predict_pair(network: DUSt3R, image_i: Tensor, image_j: Tensor) -> PairOutput:
    """The pointmaps of one pair of photos (3, H, W), RGB in [-1, 1]."""
    return network(image_i[None], image_j[None])
