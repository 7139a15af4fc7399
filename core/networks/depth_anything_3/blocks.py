"""Transformer block: attention and an MLP, each normed before, scaled per channel after, and added.

The inner names (attn.qkv, mlp.fc1, ls1.gamma, ...) are the field's, shared with the published weights.
"""

import torch
from torch import Tensor, nn

from ..dust3r.blocks import MLP
from ..dust3r.rope import Rotation, rotate
from ..kernels import Linear, attend

EPS = 1e-5  # of every norm but the backbone's blocks' own two


class Attention(nn.Module):
    """Every token of a row looks at all of it."""

    def __init__(self, width: int, heads: int, normed: bool) -> None:
        """normed: each head's queries and keys are normed."""
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.q_norm, self.k_norm = (nn.LayerNorm(width // heads, EPS) if normed else nn.Identity() for _ in range(2))
        self.proj = Linear(width, width)

    def forward(self, tokens: Tensor, rotation: Rotation | None) -> Tensor:
        parts = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, heads, N, D)
        query, key = self.q_norm(parts[0].float()), self.k_norm(parts[1].float())
        if rotation is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)
        return self.proj(attend(query, key, parts[2]))


class ChannelScale(nn.Module):
    """A learned factor per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma


class Block(nn.Module):
    """One step, on rows of tokens (B, N, C); what is added up stays in float32."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, eps: float, normed: bool = False) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps)
        self.attn = Attention(width, heads, normed)
        self.ls1 = ChannelScale(width)
        self.norm2 = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, mlp_ratio)
        self.ls2 = ChannelScale(width)

    def forward(self, tokens: Tensor, rotation: Rotation | None = None) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens), rotation))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))
