"""The head: tokens of four depths of the backbone become maps, fused from coarse to fine (DPT, Ranftl et al. 2021).

The published head is dual: a second chain of fusions on the same four maps gives a ray per pixel, another way to
cameras. Ours come from the camera decoder, as in the published code by default, and depth does not depend on the rays:
their chain is left out, which saves almost half of the head's work. `names.ray_shapes` knows its weights.
"""

from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..dust3r.dpt_head import ResidualUnit, conv3
from ..kernels import Pointwise
from .blocks import EPS
from .config import DepthAnything3Config
from .position import add_uv_code

Size = tuple[int, int]


class Fusion(nn.Module):
    """A coarse map and the next finer one -> their fusion, at another size."""

    def __init__(self, channels: int, coarsest: bool) -> None:
        super().__init__()
        self.skip = None if coarsest else ResidualUnit(channels)
        self.refine = ResidualUnit(channels)
        self.out = Pointwise(channels, channels)

    def forward(self, finer: Tensor, coarser: Tensor | None, size: Size) -> Tensor:
        maps = finer if coarser is None or self.skip is None else coarser + self.skip(finer)
        # A 1x1 convolution and an interpolation commute: first the one, at a quarter of the work.
        return _resized(self.out(self.refine(maps)), size)


class DualDPTHead(nn.Module):
    """Tokens of four depths -> depth and confidence of every pixel of each view, alone."""

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        widths, features, half = config.level_widths, config.features, config.features // 2
        a, b, _, d = widths
        self.patch_size = config.patch_size
        self.norm = nn.LayerNorm(2 * config.width, EPS)
        self.reduce = nn.ModuleList([Pointwise(2 * config.width, width) for width in widths])
        self.resize = nn.ModuleList(
            [
                nn.ConvTranspose2d(a, a, kernel_size=4, stride=4),
                nn.ConvTranspose2d(b, b, kernel_size=2, stride=2),
                nn.Identity(),
                nn.Conv2d(d, d, kernel_size=3, stride=2, padding=1),
            ]
        )
        self.project = nn.ModuleList([conv3(width, features, bias=False) for width in widths])
        self.fuse = nn.ModuleList([Fusion(features, coarsest=level == 3) for level in range(4)])
        self.before_output = conv3(features, half)
        self.output = nn.Sequential(conv3(half, config.output_width), nn.ReLU(), Pointwise(config.output_width, 2))

    def forward(self, taps: list[Tensor], grid: Size) -> tuple[Tensor, Tensor]:
        """taps: four of (S, P, 2C); grid: (rows, columns) of the patches, row by row.

        Depth (S, H, W) > 0 along the optical axis, up to scale, and confidence (S, H, W), above 1.
        """
        size = (grid[0] * self.patch_size, grid[1] * self.patch_size)
        aspect = size[1] / size[0]
        maps = []
        for tokens, reduce, resize, project in zip(taps, self.reduce, self.resize, self.project, strict=True):
            level = reduce(self.norm(tokens).transpose(1, 2).unflatten(2, grid))
            maps.append(project(resize(add_uv_code(level, aspect))))
        fused = None
        for level in (3, 2, 1, 0):
            finer = maps[level - 1].shape[-2:] if level else (2 * maps[0].shape[-2], 2 * maps[0].shape[-1])
            fused = self.fuse[level](maps[level], fused, finer)
        full = _resized(self.before_output(fused), size)
        depth, confidence = self.output(add_uv_code(full, aspect)).unbind(1)
        return depth.exp(), 1 + confidence.exp()


def _resized(maps: Tensor, size: Size) -> Tensor:
    return interpolate(maps, size=tuple(size), mode="bilinear", align_corners=True)
