"""Shows the decoders where to look: attention to the place in the other photo that shows the same surface.

The truth knows which patch of one photo shows what a patch of the other does. One head of every cross-attention is
asked to look there; what the rest of the network makes of it, the regression loss decides. Correspondence then need
not be discovered from pointmap errors alone, which takes a network many more pairs.
"""

import torch
from torch import Tensor

from ..core.networks.dust3r.dust3r import AttentionScores
from .batch import SceneBatch
from .pairs import PairIndex

STRIDE = 4  # every so many pixels, both ways, one is looked up in the other photo
SAME_SURFACE = 0.05  # relative difference in depth up to which two pixels show one place


def matching_loss(looks: AttentionScores, batch: SceneBatch, index: PairIndex, patch: int) -> Tensor:
    """Cross-entropy between where guided heads look and where they should, in nats; mean over levels and both photos.

    Patches count as much as the other photo shows of them. 0 where no pair shows anything twice.
    """
    losses = []
    for scores, (start, end) in (
        (looks.first, (index.first, index.second)),
        (looks.second, (index.second, index.first)),
    ):
        truth = same_places(batch, start, end, patch)
        shown = truth.sum().clamp(min=1e-6)
        losses += [-(truth * level.float().log_softmax(dim=-1)).sum() / shown for level in scores]
    return torch.stack(losses).mean()


@torch.no_grad()
def same_places(batch: SceneBatch, start: Tensor, end: Tensor, patch: int) -> Tensor:
    """(B, N, M): share of each patch of the views `start` that lies in each patch of the views `end`.

    start, end: (B,) numbers of the batch's S * V views. A row's sum is the share of the patch that the other view
    shows at all: points are projected there and must be what it shows at that place.
    """
    height, width = batch.valid.shape[-2:]
    rows, columns = height // patch, width // patch
    points, valid = batch.points.flatten(0, 1), batch.valid.flatten(0, 1)
    offset = STRIDE // 2
    spots = points[start, offset::STRIDE, offset::STRIDE]  # (B, h, w, 3)
    known = valid[start, offset::STRIDE, offset::STRIDE]
    cam2world, K = batch.cam2world.flatten(0, 1)[end], batch.K.flatten(0, 1)[end]
    local = (spots - cam2world[:, None, None, :3, 3]) @ cam2world[:, None, :3, :3]
    depth = local[..., 2]
    ahead = depth > 1e-6
    projected = (local @ K[:, None].transpose(-1, -2))[..., :2] / depth.where(ahead, 1.0)[..., None]
    x, y = projected.nan_to_num(-1.0, -1.0, -1.0).floor().clamp(-1, max(height, width)).long().unbind(-1)
    inside = known & ahead & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = x.where(inside, 0), y.where(inside, 0)
    shown = points[end[:, None, None], y, x] - cam2world[:, None, None, :3, 3]
    shown_depth = (shown * cam2world[:, None, None, :3, 2]).sum(-1)
    same = inside & valid[end[:, None, None], y, x] & ((shown_depth - depth).abs() < SAME_SURFACE * depth)
    v, u = torch.meshgrid(
        torch.arange(offset, height, STRIDE, device=x.device) // patch,
        torch.arange(offset, width, STRIDE, device=x.device) // patch,
        indexing="ij",
    )
    cell = (v * columns + u) * (rows * columns) + (y // patch) * columns + x // patch
    table = torch.zeros(len(start), (rows * columns) ** 2, device=x.device)
    table.scatter_add_(1, cell.flatten(1), same.flatten(1).float())
    return table.unflatten(1, (rows * columns, rows * columns)) / (patch / STRIDE) ** 2
