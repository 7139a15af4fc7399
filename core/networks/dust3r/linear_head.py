"""The linear head: every token tells the pixels of its own patch."""

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from ..kernels import Linear


class LinearHead(nn.Module):
    """Last decoder tokens -> (B, 4, H, W): a raw point and a raw confidence per pixel."""

    def __init__(self, width: int, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.proj = Linear(width, 4 * patch_size**2)

    @property
    def output(self) -> nn.Module:
        """The layer whose results are the raw points."""
        return self.proj

    def forward(self, levels: list[Tensor], grid: tuple[int, int]) -> Tensor:
        """levels: token lists (B, N, C), encoder first; grid: (rows, columns) of the tokens."""
        patches = self.proj(levels[-1]).transpose(1, 2).unflatten(2, grid)
        return pixel_shuffle(patches, self.patch_size)
