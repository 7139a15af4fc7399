"""Semi-global aggregation of matching costs (Hirschmueller 2008)."""

import torch
from torch import Tensor

from ..progress import Check
from .settings import SweepSettings

CHECKED = 64  # rows between two calls of `check`


def aggregate(costs: Tensor, grey: Tensor, settings: SweepSettings, check: Check) -> Tensor:
    """(D, h, w): sum over paths from left, right, above and below of the least cost of a path that ends in a pixel.

    A path pays near_penalty for a step of one hypothesis between neighbouring pixels and far_penalty for any other,
    less across an edge of the photo. costs: (D, h, w); grey: (h, w). Raises whatever `check` raises.
    """
    columns = costs.permute(2, 0, 1).contiguous()  # a copy that lasts no longer than its sums: the peak of memory
    check()
    across = _both_ways(columns, _far(grey.T, settings), settings, check)
    del columns
    down = _both_ways(costs.permute(1, 0, 2), _far(grey, settings), settings, check)
    check()
    return down.permute(1, 0, 2).add_(across.permute(1, 2, 0))


def _far(grey: Tensor, settings: SweepSettings) -> Tensor:
    """(n - 1, m): the penalty of a far step from every row to the next."""
    return settings.far_penalty / (1 + grey.diff(dim=0).abs() / settings.edge)


def _both_ways(costs: Tensor, far: Tensor, settings: SweepSettings, check: Check) -> Tensor:
    """(n, D, m): of costs (n, D, m) along the first axis, there and back at once."""
    count, depths, width = costs.shape
    path = torch.full((2, depths + 2, width), torch.inf, dtype=costs.dtype, device=costs.device)
    here = path[:, 1:-1]  # of the two ways; beyond the first and the last hypothesis there is none
    here[0], here[1] = costs[0], costs[-1]
    total = torch.zeros_like(costs)
    total[0] += costs[0]
    total[-1] += costs[-1]
    for row in range(1, count):
        back = count - 1 - row
        least = here.amin(1, keepdim=True)
        best = torch.minimum(path[:, :-2], path[:, 2:]).add_(settings.near_penalty)
        torch.minimum(best, here, out=best)
        torch.minimum(best, least + torch.stack([far[row - 1], far[back]])[:, None], out=best).sub_(least)
        torch.add(best[0], costs[row], out=here[0])
        torch.add(best[1], costs[back], out=here[1])
        total[row] += here[0]
        total[back] += here[1]
        if row % CHECKED == 0:
            check()
    return total
