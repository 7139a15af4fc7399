"""The DPT head: tokens of four depths of the network become maps, fused from coarse to fine (Ranftl et al. 2021)."""

from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from ..kernels import Pointwise
from .config import ModelConfig


def _double(maps: Tensor) -> Tensor:
    return interpolate(maps, scale_factor=2, mode="bilinear", align_corners=True)


def conv3(channels_in: int, channels_out: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=bias)


class ResidualUnit(nn.Module):
    """x + two 3x3 convolutions of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3(channels, channels)
        self.conv2 = conv3(channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.conv2(relu(self.conv1(relu(maps))))


class Fusion(nn.Module):
    """A coarse map and the next finer one -> their fusion at twice the size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.skip = ResidualUnit(channels)  # unused at the coarsest level, where there is nothing to add to
        self.refine = ResidualUnit(channels)
        self.out = Pointwise(channels, channels)

    def forward(self, finer: Tensor, coarser: Tensor | None) -> Tensor:
        maps = finer if coarser is None else coarser + self.skip(finer)
        # A 1x1 convolution and an interpolation commute: first the one, at a quarter of the work.
        return _double(self.out(self.refine(maps)))


class DPTHead(nn.Module):
    """Tokens of four levels -> (B, 4, H, W): a raw point and a raw confidence per pixel."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        depth, width, features = config.decoder_depth, config.decoder_width, config.dpt.features
        self.hooks = (0, depth * 2 // 4, depth * 3 // 4, depth)  # levels that are read; 0 is the encoder's output
        a, b, c, d = config.dpt.layers
        self.reassemble = nn.ModuleList(
            [
                nn.Sequential(Pointwise(config.encoder_width, a), nn.ConvTranspose2d(a, a, 4, stride=4)),
                nn.Sequential(Pointwise(width, b), nn.ConvTranspose2d(b, b, 2, stride=2)),
                nn.Sequential(Pointwise(width, c)),
                nn.Sequential(Pointwise(width, d), nn.Conv2d(d, d, 3, stride=2, padding=1)),
            ]
        )
        self.project = nn.ModuleList([conv3(channels, features, bias=False) for channels in config.dpt.layers])
        self.fuse = nn.ModuleList([Fusion(features) for _ in config.dpt.layers])
        self.head = nn.Sequential(
            conv3(features, features // 2),
            # The fused map has 8 values along a token's side: patches of 16 need one more doubling.
            nn.Upsample(scale_factor=config.patch_size // 8, mode="bilinear", align_corners=True),
            conv3(features // 2, config.dpt.last),
            nn.ReLU(inplace=True),
            Pointwise(config.dpt.last, 4),
        )

    @property
    def output(self) -> nn.Module:
        """The layer whose results are the raw points."""
        return self.head[-1]

    def forward(self, levels: list[Tensor], grid: tuple[int, int]) -> Tensor:
        """levels: token lists (B, N, C), encoder first; grid: (rows, columns) of the tokens."""
        precision = next(self.project.parameters()).dtype
        maps = [levels[hook].to(precision).transpose(1, 2).unflatten(2, grid) for hook in self.hooks]
        maps = [
            project(reassemble(tokens))
            for tokens, reassemble, project in zip(maps, self.reassemble, self.project, strict=True)
        ]
        fused = self.fuse[3](maps[3], None)
        fused = fused[..., : maps[2].shape[-2], : maps[2].shape[-1]]  # an odd grid was rounded up at the coarsest level
        for level in (2, 1, 0):
            fused = self.fuse[level](maps[level], fused)
        return self.head(fused)
