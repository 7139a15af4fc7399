"""The network in half precision: half the memory, and several times the speed where the device computes in it."""

import torch
from torch import nn

from .dust3r import DUSt3R

HALVED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def use_half(network: DUSt3R, dtype: torch.dtype) -> DUSt3R:
    """Let a network for inference compute its products in bfloat16 or float16; changed in place and returned.

    The norms, the sums along the blocks, the cut into patches and the last layer of each head stay in float32: they
    cost little, and pointmaps stay within 1e-2 of their size of the float32 network's.
    """
    kept = {id(network.patch_embed.proj), *(id(head.output) for head in (network.head_1, network.head_2))}
    for module in network.modules():
        if isinstance(module, HALVED) and id(module) not in kept:
            module.to(dtype)
    return network


def precision_name(network: DUSt3R) -> str:
    """What the network computes its products in: float32, bfloat16 or float16."""
    return str(network.decoder_embed.weight.dtype).removeprefix("torch.")
