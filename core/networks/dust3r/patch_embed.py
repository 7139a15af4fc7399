"""A photo cut into patches, one token each."""

from torch import Tensor, nn


class PatchEmbed(nn.Module):
    """One linear map per patch: (B, 3, H, W) -> (B, H/p * W/p, width), row by row."""

    def __init__(self, patch_size: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        # Token after token in memory: all blocks would keep the convolution's order, in which their norms are slow.
        return self.proj(images).flatten(2).transpose(1, 2).contiguous()
