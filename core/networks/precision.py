"""The network made ready for inference: on its device, in its precision, in the order of memory that is fast."""

from functools import cache
from typing import TypeVar

import torch
from torch import nn

from .kernels import Linear
from .network import Network, halved_layers

Kind = TypeVar("Kind", bound=Network)


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


def for_inference(network: Kind, device: torch.device, precision: torch.dtype = torch.float32) -> Kind:
    """The network given, changed in place: in evaluation mode, without gradients, its products in `precision`."""
    network.requires_grad_(False).eval()
    if precision != torch.float32:
        for layer in halved_layers(network):
            layer.to(precision)
    network.to(device)
    for weights in network.parameters():
        if weights.dim() == 4:  # a convolution's: in this order the heads take three quarters of the time
            weights.data = weights.contiguous(memory_format=torch.channels_last)
    return network


def precision_of(network: nn.Module) -> torch.dtype:
    """What the network computes its products in."""
    return next(module.weight.dtype for module in network.modules() if isinstance(module, nn.Linear))


def precision_name(network: nn.Module) -> str:
    """The same in words: float32, bfloat16 or float16."""
    return str(precision_of(network)).removeprefix("torch.")


def device_of(network: nn.Module) -> torch.device:
    """Where the network computes."""
    return next(network.parameters()).device
