"""The network's products. In inference on an x86 CPU they go through oneDNN: float32 ones in under half the time.

Training, and every other device, gets what torch chooses by itself.
"""

import platform
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

Then = Literal["none", "gelu"]

LONG = 256  # tokens, from which on attention head by head is faster than the fused kernel
SCORES = 2**22  # of one head that are worked out at once: memory that grows with the tokens, not with their square
# torch itself takes another library for float32; this operator is what torch.compile would take.
ONEDNN = (
    platform.machine().lower() in ("x86_64", "amd64")
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)


def _infers() -> bool:
    """Whether this is inference; asking would cut what torch.compile compiles, in training, into pieces."""
    return not torch.compiler.is_compiling() and torch.is_inference_mode_enabled()


def _fitting(input: Tensor, weight: Tensor) -> Tensor:
    """The input in the precision of weights that do not learn; where they do, autocast chooses."""
    return input if weight.requires_grad else input.to(weight.dtype)


class Linear(nn.Linear):
    """torch.nn.Linear; in inference its input takes the precision of its weights, which may be half."""

    def forward(self, input: Tensor) -> Tensor:
        if not _infers():
            return super().forward(_fitting(input, self.weight))
        return _product(input.to(self.weight.dtype), self.weight, self.bias)

    def gelu(self, input: Tensor) -> Tensor:
        """The exact GELU of the linear map, in inference without a pass of its own where that can be."""
        if not _infers():
            return gelu(super().forward(_fitting(input, self.weight)))
        return _product(input.to(self.weight.dtype), self.weight, self.bias, "gelu")


class Pointwise(nn.Conv2d):
    """A 1x1 convolution; in inference a linear map of every pixel's channels, which are side by side in memory."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=1)

    def forward(self, input: Tensor) -> Tensor:
        if not _infers():
            return super().forward(_fitting(input, self.weight))
        pixels = input.to(self.weight.dtype).permute(0, 2, 3, 1).contiguous()
        return _product(pixels, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(B, heads, N, D) queries over (B, heads, M, D) keys and values -> (B, N, heads * D), in the values' precision."""
    on_cpu = query.device.type == "cpu" and _infers()
    if on_cpu and ONEDNN and min(query.shape[2], key.shape[2]) >= LONG:
        return _attend_by_heads(query, key, value)
    query, key = query.to(value.dtype), key.to(value.dtype)
    return scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def _attend_by_heads(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scores and their softmax in float32, some queries of one head at a time: they fit the cache, or nearly."""
    batch, heads, count, width = query.shape
    attended = value.new_empty(batch, count, heads, width)
    # oneDNN takes a thousand times as long for a matrix that lies turned or with gaps.
    query, key = query.float().contiguous() * width**-0.5, key.float().contiguous()
    value = value.transpose(2, 3).contiguous()
    rows = max(1, SCORES // key.shape[2])
    for photo in range(batch):
        for head in range(heads):
            parts = zip(query[photo, head].split(rows), attended[photo, :, head].split(rows), strict=True)
            for some, result in parts:
                share = _product(some, key[photo, head]).softmax(-1).to(value.dtype)
                result.copy_(_product(share, value[photo, head]))
    return attended.flatten(2)


def _product(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, then: Literal["none", "gelu"] = "none"
) -> Tensor:
    """input (..., K) times weight (N, K), transposed, plus bias (N,), and its exact GELU if wanted."""
    if ONEDNN and input.device.type == "cpu" and input.dtype in (torch.float32, torch.bfloat16):
        return torch.ops.mkldnn._linear_pointwise(input, weight, bias, then, [], "none" if then == "gelu" else None)
    product = linear(input, weight, bias)
    return gelu(product) if then == "gelu" else product
