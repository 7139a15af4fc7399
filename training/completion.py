"""Cross-view completion (CroCo v2, arXiv 2211.10408): most of view 1 is hidden and completed with view 2's help.

It needs pictures of overlapping views and no geometry, and teaches encoder and decoder to match them.
"""

import torch
from torch import Tensor, nn

from ..core.networks.dust3r.dust3r import DUSt3R, Encoded, without_autocast

NOISE_FLOOR = 1e-6  # variance of a patch below which it is flat; pixels in [-1, 1]


class Completion(nn.Module):
    """The network's own encoder and first decoder, with what completing takes beyond them."""

    def __init__(self, network: DUSt3R) -> None:
        super().__init__()
        config = network.config
        self.network = network
        self.mask_token = nn.Parameter(torch.randn(config.decoder_width) * 0.02)
        self.prediction_head = nn.Linear(config.decoder_width, 3 * config.patch_size**2)
        for unused in (network.decoder_2, network.head_1, network.head_2):
            unused.requires_grad_(False)

    def forward(self, images_1: Tensor, images_2: Tensor, kept: Tensor) -> Tensor:
        """View 1's patches completed: (B, N, 3 * p * p), each normalised as `patches_of` does.

        images_1, images_2: (B, 3, H, W), RGB in [-1, 1]; kept: (B, K) indices of the patches of view 1 that are seen.
        """
        seen, other = self.network.encode(images_1, kept), self.network.encode(images_2)
        decoded = self._decode(self._with_mask_tokens(seen, kept, other), other)
        with without_autocast(images_1.device.type):
            return self.prediction_head(decoded.float())

    def _with_mask_tokens(self, seen: Encoded, kept: Tensor, other: Encoded) -> Tensor:
        """View 1's tokens for the decoder, (B, N, decoder_width): the seen ones in their places, masks elsewhere."""
        tokens = self.network.decoder_embed(seen.tokens)
        batch, count, width = tokens.shape[0], other.tokens.shape[1], tokens.shape[2]
        masks = self.mask_token.to(tokens.dtype).expand(batch, count, width)
        return masks.scatter(1, kept[..., None].expand(-1, -1, width), tokens)

    def _decode(self, tokens: Tensor, other: Encoded) -> Tensor:
        config, network = self.network.config, self.network
        rotation = network.rotation(other.shape, config.decoder_width // config.decoder_heads, tokens.device)
        context = network.decoder_embed(other.tokens)
        for block in network.decoder_1:
            tokens, _ = block(tokens, context, rotation, rotation)
        return network.decoder_norm(tokens)


def patches_of(images: Tensor, patch: int) -> Tensor:
    """The patches of (B, 3, H, W), row by row, each with its mean taken off and divided by its deviation.

    Returns (B, N, 3 * p * p), all patch values of a colour together.
    """
    rows = images.unflatten(2, (-1, patch)).unflatten(4, (-1, patch))  # (B, 3, rows, p, columns, p)
    patches = rows.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    variance, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    return (patches - mean) / (variance + NOISE_FLOOR).sqrt()


def completion_loss(completed: Tensor, images_1: Tensor, kept: Tensor, patch: int) -> Tensor:
    """Mean squared error over the hidden patches' normalised pixels; a scalar."""
    error = (completed - patches_of(images_1, patch)).square().mean(dim=-1)
    hidden = torch.ones_like(error).scatter(1, kept, 0.0)
    return (error * hidden).sum() / hidden.sum().clamp(min=1)


def kept_patches(batch: int, count: int, mask_ratio: float, chance: torch.Generator) -> Tensor:
    """Indices (B, K) of the patches that stay visible, at least one, drawn for each picture."""
    kept = max(1, min(count - 1, round(count * (1 - mask_ratio))))
    return torch.rand(batch, count, generator=chance).argsort(dim=1)[:, :kept]
