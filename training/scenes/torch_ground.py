"""Rays against the ground with torch: the walk of numba_ground, all rays in step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .numba_ground import FREE, MARGIN, REFINEMENTS, STEPS
from .scene import HEIGHT_FIELD, NO_GROUND
from .torch_shapes import Rays

EVERY = 8  # steps between two looks at which rays are still on their way


@dataclass(frozen=True, slots=True)
class Grounds:
    """The grounds of S scenes."""

    kind: Tensor  # (S,)
    half: Tensor  # (S,)
    heights: Tensor  # (S, G, G)
    slope: Tensor  # (S,)
    lowest: Tensor  # (S,)
    highest: Tensor  # (S,)

    def height(self, scene: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Bilinear heights at (x, y) in scenes `scene`, all of one shape."""
        last = self.heights.shape[1] - 1
        half = self.half[scene]
        u = ((x / half + 1) * (0.5 * last)).clamp(0, last * 0.999999)
        v = ((y / half + 1) * (0.5 * last)).clamp(0, last * 0.999999)
        column, row = u.long(), v.long()
        u, v = u - column, v - row
        flat, width = self.heights.reshape(-1), last + 1
        base = (scene * width + row) * width + column
        low = flat[base] * (1 - u) + flat[base + 1] * u
        high = flat[base + width] * (1 - u) + flat[base + width + 1] * u
        return low * (1 - v) + high * v


def ground_hits(grounds: Grounds, scene: Tensor, rays: Rays, start: float, end: Tensor) -> Tensor:
    """The first t in (start, end) at which rays (any one shape, like scene and end) meet the ground, or FREE."""
    (_, _, oz), (_, _, dz) = rays.origin, rays.direction
    kind = grounds.kind[scene]
    t = torch.where(dz < -1e-9, -oz / dz, FREE)
    hits = torch.where((kind != NO_GROUND) & (t > start) & (t < end), t, FREE)
    bumpy = (kind == HEIGHT_FIELD).nonzero(as_tuple=True)
    if len(bumpy[0]):
        hits[bumpy] = _walk(grounds, scene[bumpy], rays.of(bumpy), start, end[bumpy])  # type: ignore[arg-type]
    return hits


def _walk(grounds: Grounds, scene: Tensor, rays: Rays, start: float, end: Tensor) -> Tensor:
    (_, _, oz), (dx, dy, dz) = rays.origin, rays.direction
    lowest, highest = grounds.lowest[scene], grounds.highest[scene]
    level = dz.abs() <= 1e-9
    safe = torch.where(level, 1.0, dz)
    low, high = (lowest - MARGIN - oz) / safe, (highest - oz) / safe
    begin = torch.where(level, start, torch.minimum(low, high).clamp_min(start))
    end = torch.where(level, torch.where(oz > highest, -1.0, end), torch.minimum(end, torch.maximum(low, high)))
    fall = grounds.slope[scene] * (dx * dx + dy * dy).sqrt() - dz
    hits = torch.full_like(dz, FREE)
    active = ((begin < end) & (fall > 0)).nonzero()[:, 0]
    least = (end - begin) / STEPS
    above, t = begin.clone(), begin.clone()
    while len(active):
        active = _advance(grounds, scene, rays, active, least, fall, begin, end, above, t, hits)
    return hits


def _advance(
    grounds: Grounds, scene: Tensor, rays: Rays, active: Tensor, least: Tensor, fall: Tensor,
    begin: Tensor, end: Tensor, above: Tensor, t: Tensor, hits: Tensor,
) -> Tensor:  # fmt: skip
    """A few steps of the rays `active`; hits are written; returns those that are still on their way."""
    where, some = scene[active], rays.of(active)
    now, before, stop = t[active], above[active], end[active]
    state = torch.zeros_like(active)  # 0 walking, 1 below the ground, 2 past the end
    for _ in range(EVERY):
        x, y, z = some.at(now)
        gap = z - grounds.height(where, x, y)
        state = torch.where((state == 0) & (gap < 0), 1, state)
        state = torch.where((state == 0) & (now >= stop), 2, state)
        step = torch.minimum(stop, now + torch.maximum(least[active], gap / fall[active]))
        walking = state == 0
        before = torch.where(walking, now, before)
        now = torch.where(walking, step, now)
    below = (state == 1).nonzero()[:, 0]
    if len(below):
        refined = _refine(grounds, where[below], some.of(below), before[below], now[below])
        hits[active[below]] = torch.where(now[below] > begin[active[below]], refined, now[below])
    t[active], above[active] = now, before
    return active[state == 0]


def _refine(grounds: Grounds, scene: Tensor, rays: Rays, above: Tensor, below: Tensor) -> Tensor:
    def gap(t: Tensor) -> Tensor:
        x, y, z = rays.at(t)
        return z - grounds.height(scene, x, y)

    for _ in range(REFINEMENTS):
        middle = 0.5 * (above + below)
        over = gap(middle) > 0
        above, below = torch.where(over, middle, above), torch.where(over, below, middle)
    up, down = gap(above), gap(below)
    return above + (below - above) * up / (up - down).clamp_min(1e-12)
