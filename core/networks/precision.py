"""The network made ready for inference: on its device, in its precision, in the order of memory that is fast."""

from functools import cache

import torch
from torch import nn

from .dust3r.dust3r import DUSt3R
from .kernels import Linear

HALVED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


@cache
def computes_in(precision: torch.dtype, device: torch.device) -> bool:
    """Whether a device computes the network's kinds of layers in a precision: tried once per process, on small ones.

    oneDNN refuses bfloat16 on x86 CPUs without AVX-512, and where ONEDNN_MAX_CPU_ISA hides it.
    """
    with torch.device("meta"):  # draws no random numbers
        layers = nn.Sequential(nn.Conv2d(16, 16, 3), nn.ConvTranspose2d(16, 16, 2), Linear(8, 8))
    try:
        with torch.inference_mode():
            layers.to_empty(device=device).to(precision)(torch.zeros(1, 16, 9, 9, device=device, dtype=precision))
    except RuntimeError:
        return False
    return True


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
