"""DUSt3R: two photos in, a 3-D point for every pixel of both out (Wang et al., CVPR 2024, arXiv 2312.14132).

Every photo is encoded once; the decoders then run once per pair.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..kernels import Linear
from .blocks import DecoderBlock, EncoderBlock, layer_norm
from .config import Mode, ModelConfig
from .dpt_head import DPTHead
from .linear_head import LinearHead
from .patch_embed import PatchEmbed
from .rope import Rotation, grid_rotation


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder says of a batch of photos of one size."""

    tokens: Tensor  # (B, N, encoder_width), row by row
    shape: tuple[int, int]  # (H, W) of the photos, network pixels


@dataclass(frozen=True, slots=True)
class PairOutput:
    """Pointmaps of both photos of each pair, all in camera i's frame (x right, y down, z forward), up to scale."""

    points_i: Tensor  # (B, Hi, Wi, 3), float32
    confidence_i: Tensor  # (B, Hi, Wi), float32, >= 1 for the published models
    points_j: Tensor  # (B, Hj, Wj, 3), float32
    confidence_j: Tensor  # (B, Hj, Wj), float32


@dataclass(frozen=True, slots=True)
class AttentionScores:
    """Of which the attention of each cross-attention's first head is the softmax, for B pairs; a matrix a level."""

    first: list[Tensor]  # (B, Ni, Nj) each: the first photo's tokens that look, by the second's looked at
    second: list[Tensor]  # (B, Nj, Ni)


class DUSt3R(nn.Module):
    """The whole network. `weights.published_name` gives the published names of its parameters."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.patch_embed = PatchEmbed(c.patch_size, c.encoder_width)
        self.encoder = nn.ModuleList(
            [EncoderBlock(c.encoder_width, c.encoder_heads, c.mlp_ratio) for _ in range(c.encoder_depth)]
        )
        self.encoder_norm = layer_norm(c.encoder_width)
        self.decoder_embed = Linear(c.encoder_width, c.decoder_width)
        self.decoder_1, self.decoder_2 = (
            nn.ModuleList([DecoderBlock(c.decoder_width, c.decoder_heads, c.mlp_ratio) for _ in range(c.decoder_depth)])
            for _ in range(2)
        )
        self.decoder_norm = layer_norm(c.decoder_width)
        self.head_1, self.head_2 = (
            DPTHead(c) if c.head == "dpt" else LinearHead(c.decoder_width, c.patch_size) for _ in range(2)
        )

    def forward(self, images_i: Tensor, images_j: Tensor) -> PairOutput:
        """Pointmaps of pairs of photos (B, 3, Hi, Wi) and (B, 3, Hj, Wj), RGB in [-1, 1]."""
        return self.decode(self.encode(images_i), self.encode(images_j))

    def encode(self, images: Tensor, kept: Tensor | None = None) -> Encoded:
        """The tokens of photos (B, 3, H, W), RGB in [-1, 1], H and W multiples of the patch size.

        kept: (B, K) indices of the patches that the encoder sees at all, in pretraining; then K tokens come out.
        """
        height, width = images.shape[-2:]
        if height % self.config.patch_size or width % self.config.patch_size:
            raise ValueError(f"sides must be multiples of {self.config.patch_size}, got {width} x {height}")
        rotation = self.rotation((height, width), self.config.encoder_width // self.config.encoder_heads, images.device)
        tokens = self.patch_embed(images)
        if kept is not None:
            rotation = rotation.of_tokens(kept)
            tokens = tokens.gather(1, kept[..., None].expand(-1, -1, tokens.shape[-1]))
        for block in self.encoder:
            tokens = block(tokens, rotation)
        return Encoded(self.encoder_norm(tokens), (height, width))

    def decode(self, encoded_i: Encoded, encoded_j: Encoded) -> PairOutput:
        """Pointmaps of B pairs, from B encoded first and B encoded second photos; the two sizes may differ."""
        return self._decode(encoded_i, encoded_j, scored=False)[0]

    def decode_with_scores(self, encoded_i: Encoded, encoded_j: Encoded) -> tuple[PairOutput, AttentionScores]:
        """As `decode`, with what the first heads of all cross-attentions look at."""
        return self._decode(encoded_i, encoded_j, scored=True)

    def _decode(self, encoded_i: Encoded, encoded_j: Encoded, scored: bool) -> tuple[PairOutput, AttentionScores]:
        head_width = self.config.decoder_width // self.config.decoder_heads
        at_i, at_j = (self.rotation(e.shape, head_width, e.tokens.device) for e in (encoded_i, encoded_j))
        tokens_i, tokens_j = self.decoder_embed(encoded_i.tokens), self.decoder_embed(encoded_j.tokens)
        levels_i, levels_j = [encoded_i.tokens], [encoded_j.tokens]
        looks = AttentionScores([], [])
        for block_1, block_2 in zip(self.decoder_1, self.decoder_2, strict=True):
            # Both sides read the other's previous level, not its new one.
            (tokens_i, look_i), (tokens_j, look_j) = (
                block_1(tokens_i, tokens_j, at_i, at_j, scored),
                block_2(tokens_j, tokens_i, at_j, at_i, scored),
            )
            levels_i.append(tokens_i)
            levels_j.append(tokens_j)
            if scored:
                looks.first.append(look_i)
                looks.second.append(look_j)
        levels_i[-1], levels_j[-1] = self.decoder_norm(tokens_i), self.decoder_norm(tokens_j)
        points_i, confidence_i = self._regress(self.head_1, levels_i, encoded_i.shape)
        points_j, confidence_j = self._regress(self.head_2, levels_j, encoded_j.shape)
        return PairOutput(points_i, confidence_i, points_j, confidence_j), looks

    def _regress(self, head: nn.Module, levels: list[Tensor], shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """One photo's points (B, H, W, 3) and confidence (B, H, W), in float32 whatever came before."""
        with without_autocast(levels[0].device.type):
            maps = head([tokens.float() for tokens in levels], self._grid(shape))
            # Laid out alike for one pair and for many: else the last bits of its lengths depend on a pair's company.
            raw = maps.permute(0, 2, 3, 1).contiguous()
            points = points_from_raw(raw[..., :3], self.config.depth_mode)
            return points, confidence_from_raw(raw[..., 3], self.config.confidence_mode)

    def _grid(self, shape: tuple[int, int]) -> tuple[int, int]:
        return shape[0] // self.config.patch_size, shape[1] // self.config.patch_size

    def rotation(self, shape: tuple[int, int], head_width: int, device: torch.device) -> Rotation:
        """The turns of all tokens of photos of this shape (H, W), for attention heads of this width."""
        return grid_rotation(*self._grid(shape), head_width, self.config.rope_base, device)


def points_from_raw(raw: Tensor, mode: Mode) -> Tensor:
    """Points (..., 3) in the direction of the raw vectors, at a distance that is a function of their length d.

    exp: e^d - 1; square: d^2; linear: d.
    """
    if mode[0] == "linear":
        return raw
    length = raw.norm(dim=-1, keepdim=True)
    distance = length.expm1() if mode[0] == "exp" else length.square()
    return raw / length.clamp(min=1e-8) * distance


def confidence_from_raw(raw: Tensor, mode: Mode) -> Tensor:
    """Confidence from the raw value c: lowest + e^c, at most highest; or a sigmoid between the two."""
    name, lowest, highest = mode
    if name == "sigmoid":
        return lowest + (highest - lowest) * raw.sigmoid()
    return lowest + raw.exp().clamp(max=highest - lowest)


def without_autocast(device_type: str) -> AbstractContextManager[object]:
    """Within the block, what is computed on the device keeps the precision of its inputs."""
    if torch.amp.is_autocast_available(device_type):
        return torch.autocast(device_type, enabled=False)
    return nullcontext()
