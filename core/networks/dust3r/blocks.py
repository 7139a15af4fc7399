"""Transformer blocks: attention with turned queries and keys, normed before, added after.

The inner names (attn.qkv, mlp.fc1, norm_y, ...) are the field's, shared with the published weights.
"""

from torch import Tensor, nn

from ..kernels import Linear, attend
from .rope import Rotation, rotate


def layer_norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6)  # the published weights were trained with this eps


def _split(tokens: Tensor, heads: int) -> Tensor:
    """(B, N, C) -> (B, heads, N, C / heads)."""
    return tokens.unflatten(-1, (heads, -1)).transpose(1, 2)


class SelfAttention(nn.Module):
    """Tokens look at the tokens of their own photo."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)

    def forward(self, tokens: Tensor, rotation: Rotation) -> Tensor:
        query, key, value = (_split(part, self.heads) for part in self.qkv(tokens).chunk(3, dim=-1))
        return self.proj(attend(rotate(query, rotation), rotate(key, rotation), value))


class CrossAttention(nn.Module):
    """Tokens look at the tokens of the other photo."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.projq = Linear(width, width)
        self.projk = Linear(width, width)
        self.projv = Linear(width, width)
        self.proj = Linear(width, width)

    def forward(
        self, tokens: Tensor, other: Tensor, rotation: Rotation, other_rotation: Rotation, scored: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """What the tokens (B, N, C) find in the other photo's (B, M, C): (B, N, C).

        scored: also the scores (B, N, M) of which the first head's attention is the softmax, for losses on them.
        """
        value = _split(self.projv(other), self.heads)
        query = rotate(_split(self.projq(tokens), self.heads), rotation)
        key = rotate(_split(self.projk(other), self.heads), other_rotation)
        scores = query[:, 0] @ key[:, 0].transpose(1, 2) * query.shape[-1] ** -0.5 if scored else None
        return self.proj(attend(query, key, value)), scores


class MLP(nn.Module):
    """Each token on its own: widen, exact GELU, narrow."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, ratio * width)
        self.fc2 = Linear(ratio * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(self.fc1.gelu(tokens))


class EncoderBlock(nn.Module):
    """One step of the encoder, on one photo's tokens (B, N, C)."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = layer_norm(width)
        self.attn = SelfAttention(width, heads)
        self.norm2 = layer_norm(width)
        self.mlp = MLP(width, mlp_ratio)

    def forward(self, tokens: Tensor, rotation: Rotation) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens), rotation)
        return tokens + self.mlp(self.norm2(tokens))


class DecoderBlock(nn.Module):
    """One step of a decoder: a photo's tokens (B, N, C) informed by the other photo's (B, M, C)."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = layer_norm(width)
        self.attn = SelfAttention(width, heads)
        self.norm_y = layer_norm(width)
        self.norm2 = layer_norm(width)
        self.cross_attn = CrossAttention(width, heads)
        self.norm3 = layer_norm(width)
        self.mlp = MLP(width, mlp_ratio)

    def forward(
        self, tokens: Tensor, other: Tensor, rotation: Rotation, other_rotation: Rotation, scored: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """The tokens after the step and, where asked for, the cross-attention's scores (B, N, M)."""
        tokens = tokens + self.attn(self.norm1(tokens), rotation)
        found, scores = self.cross_attn(self.norm2(tokens), self.norm_y(other), rotation, other_rotation, scored)
        tokens = tokens + found
        return tokens + self.mlp(self.norm3(tokens)), scores
