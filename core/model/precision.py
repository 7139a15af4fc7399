"""The network made ready for inference: on its device, in its precision, in the order of memory that is fast."""

import torch
from torch import nn

from .dust3r import DUSt3R

HALVED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def for_inference(network: DUSt3R, device: torch.device, precision: torch.dtype = torch.float32) -> DUSt3R:
    """The network given, changed in place: in evaluation mode, without gradients, its products in `precision`."""
    network.requires_grad_(False).eval()
    if precision != torch.float32:
        _use_half(network, precision)
    network.to(device)
    for weights in network.parameters():
        if weights.dim() == 4:  # a convolution's: in this order the heads take three quarters of the time
            weights.data = weights.contiguous(memory_format=torch.channels_last)
    return network


def _use_half(network: DUSt3R, precision: torch.dtype) -> None:
    """The norms, the sums along the blocks, the patches and the last layer of each head stay in float32.

    They cost little, and with them pointmaps stay within 1e-2 of their size of the float32 network's.
    """
    kept = {id(network.patch_embed.proj), *(id(head.output) for head in (network.head_1, network.head_2))}
    for module in network.modules():
        if isinstance(module, HALVED) and id(module) not in kept:
            module.to(precision)


def precision_name(network: DUSt3R) -> str:
    """What the network computes its products in: float32, bfloat16 or float16."""
    return str(network.decoder_embed.weight.dtype).removeprefix("torch.")
