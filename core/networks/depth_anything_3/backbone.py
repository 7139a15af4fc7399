"""The backbone: the tokens of all views of a scene, within each view and across them in turn.

Blocks before `config.start`, that block and every second after it look within each view; the others at all tokens of
all views at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..dust3r.patch_embed import PatchEmbed
from .blocks import EPS, Block
from .config import DepthAnything3Config
from .position import resample_position_code, rotation_across_views, rotation_within_views

BLOCK_EPS = 1e-6  # of a block's own two norms; the published weights were trained with it
FEWEST_CHOSEN = 3  # views from which on a reference view is chosen among them


@dataclass(frozen=True, slots=True)
class Features:
    """What the backbone makes of S views of H x W pixels, in their order."""

    taps: list[Tensor]  # four of (S, P, 2C): a block within views, as it is, and the next one across them, normed
    camera: Tensor  # (S, 2C): token 0 of the last tap, both halves as they are
    reference: int  # number of the view that the others are seen from


class Backbone(nn.Module):
    """Photos to tokens. Token 0 of a view is of the whole view, and later of its camera; then come its patches."""

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        self.config = config
        c = config
        self.patch_embed = PatchEmbed(c.patch_size, c.width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c.width))
        self.camera_token = nn.Parameter(torch.zeros(1, 2, c.width))  # of the reference view, and of any other
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + c.position_grid**2, c.width))
        self.blocks = nn.ModuleList(
            [Block(c.width, c.heads, c.mlp_ratio, BLOCK_EPS, normed=k >= c.start) for k in range(c.depth)]
        )
        self.norm = nn.LayerNorm(c.width, EPS)

    def forward(
        self,
        images: Tensor,
        camera_tokens: Tensor | None = None,
        reference: int | None = None,
        step: Callable[[float], None] = lambda share: None,
    ) -> Features:
        """images: (S, 3, H, W), normalised, both sides multiples of the patch size.

        camera_tokens: (S, C) of known cameras, of all views; then the first one is the reference. reference: a view
        (None: chosen from three views on, else the first). The views are worked on with the reference first. step:
        called with the share of the blocks that begins.
        """
        c, count = self.config, len(images)
        grid = (images.shape[2] // c.patch_size, images.shape[3] // c.patch_size)
        head_width = c.width // c.heads
        within = rotation_within_views(grid, head_width, c.rope_base, images.device)
        across = rotation_across_views(count, grid, head_width, c.rope_base, images.device)
        tokens, before, order, taps = self.embed(images), None, list(range(count)), []
        for k, block in enumerate(self.blocks):
            step(k / len(self.blocks))
            if k == c.start - 1 and camera_tokens is None:
                order = _order(count, self._reference(tokens, reference))
                tokens = tokens[order]
            if k == c.start:
                tokens = self._with_camera_tokens(tokens, camera_tokens)
            if self.looks_across(k):
                tokens = block(tokens.flatten(0, 1)[None], across)[0].unflatten(0, (count, -1))
            else:
                tokens = block(tokens, within if k >= c.start else None)
                before = tokens
            if k in c.taps and before is not None:
                taps.append((before, tokens))
        back = torch.tensor(order).argsort()
        camera = torch.cat(taps[-1], dim=-1)[back, 0]
        patches = [torch.cat([own[back, 1:], self.norm(both[back, 1:])], dim=-1) for own, both in taps]
        return Features(patches, camera, order[0])

    def embed(self, images: Tensor) -> Tensor:
        """(S, 3, H, W) -> (S, 1 + P, C): patches with their learned position code, row by row, after token 0."""
        patches = self.patch_embed(images)
        grid = (images.shape[2] // self.config.patch_size, images.shape[3] // self.config.patch_size)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1)
        return tokens + resample_position_code(self.pos_embed, grid)

    def looks_across(self, block: int) -> bool:
        """Whether a block sees all tokens of all views at once."""
        return block > self.config.start and (block - self.config.start) % 2 == 1

    def _reference(self, tokens: Tensor, wanted: int | None) -> int:
        if len(tokens) < FEWEST_CHOSEN:
            return 0
        return choose_reference(tokens[:, 0]) if wanted is None else wanted

    def _with_camera_tokens(self, tokens: Tensor, known: Tensor | None) -> Tensor:
        """Token 0 of every view replaced: what it said of the whole view is dropped."""
        if known is None:
            first, other = self.camera_token[0]
            known = torch.stack([first, *(other for _ in tokens[1:])])
        return torch.cat([known[:, None], tokens[:, 1:]], dim=1)


def choose_reference(view_tokens: Tensor) -> int:
    """The most ordinary of S views by their tokens 0 (S, C): of the least score, the first of equals.

    Three measures of each view are brought to 0..1 over the views: mean cosine to the others, length, and variance of
    the unit vector's components. The score is their summed distance from the middle ("saddle balanced").
    """
    count, length = len(view_tokens), view_tokens.norm(dim=-1)
    unit = view_tokens / length[:, None]
    alike = ((unit @ unit.T).sum(dim=1) - 1) / (count - 1)
    return int(reference_scores(torch.stack([alike, length, unit.var(dim=-1)])).argmin())


def reference_scores(measures: Tensor) -> Tensor:
    """(S,) from measures (3, S): how far each view is from the middle of all."""
    least, most = measures.amin(dim=1, keepdim=True), measures.amax(dim=1, keepdim=True)
    return ((measures - least) / (most - least + 1e-8) - 0.5).abs().sum(dim=0)


def _order(count: int, first: int) -> list[int]:
    return [first, *(view for view in range(count) if view != first)]
