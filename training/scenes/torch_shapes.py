"""Rays against shapes with torch: the formulas of numba_shapes on whole lists of (tile, solid) pairs at once."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .scene import BOX, ELLIPSOID

START, HUGE, TINY = 1e-3, 1e30, 1e-12
NOTHING = 0xFFFFFFFF  # the surface number of a ray that met nothing
NO_HIT = (int(torch.tensor(HUGE).view(torch.int32)) << 32) | NOTHING

Triple = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Shapes:
    """The surfaces of several scenes in one list."""

    kind: Tensor  # (N,)
    to_local: Tensor  # (N, 12)
    taper: Tensor  # (N,)
    hole: Tensor  # (N,), number in this list, or -1


@dataclass(frozen=True, slots=True)
class Rays:
    """R rays in each of T tiles; parts may be (T, 1) where a tile's rays share them."""

    origin: Triple
    direction: Triple

    def of(self, tiles: Tensor | tuple[Tensor, ...]) -> "Rays":
        """Those of some tiles."""
        return Rays(*(tuple(part[tiles] for part in parts) for parts in (self.origin, self.direction)))  # type: ignore[arg-type]

    def at(self, t: Tensor) -> Triple:
        """Points along the rays."""
        (ox, oy, oz), (dx, dy, dz) = self.origin, self.direction
        return ox + t * dx, oy + t * dy, oz + t * dz


def nearest(shapes: Shapes, rays: Rays, tile: Tensor, solid: Tensor, shape: tuple[int, int], chunk: int) -> Tensor:
    """For T x R rays the nearest hit among the paired solids: its t's bits and the surface's number in one int64.

    tile, solid: (pairs,); chunk: pairs at once, which bounds the memory. Smaller is nearer, so that the order of the
    pairs does not matter.
    """
    best = torch.full(shape, NO_HIT, dtype=torch.int64, device=tile.device)
    cut = shapes.hole[solid]
    group = shapes.kind[solid] * 4 + torch.where(cut >= 0, shapes.kind[cut.clamp_min(0)] + 1, 0)
    for number in torch.unique(group).tolist():
        members = (group == number).nonzero()[:, 0]
        for part in members.split(chunk):
            key = _hit(shapes, rays.of(tile[part]), solid[part], number // 4, number % 4 - 1, shape[1])
            best.scatter_reduce_(0, tile[part, None].expand(-1, shape[1]), key, "amin")
    return best


def distance_of(best: Tensor) -> Tensor:
    """t of what `nearest` found, HUGE for nothing."""
    return (best >> 32).to(torch.int32).view(torch.float32)


def surface_of(best: Tensor) -> Tensor:
    """The surface's number of what `nearest` found, -1 for nothing."""
    number = best & NOTHING
    return torch.where(number == NOTHING, -1, number)


def _hit(shapes: Shapes, rays: Rays, solid: Tensor, kind: int, hole_kind: int, width: int) -> Tensor:
    near, far = _span(shapes, rays, solid, kind)
    number = solid[:, None].expand(-1, width)
    t = near
    if hole_kind >= 0:
        cut = shapes.hole[solid]
        enters, leaves = _span(shapes, rays, cut, hole_kind)
        begin = near.clamp_min(START)
        in_hole = (enters <= begin) & (leaves > begin)
        t = torch.where(in_hole, leaves, near)
        number = torch.where(in_hole, cut[:, None], number)
    met = (near < far) & (t > START) & (t < far)
    bits = torch.where(met, t, HUGE).contiguous().view(torch.int32).to(torch.int64)
    return (bits << 32) | torch.where(met, number, NOTHING)


def _span(shapes: Shapes, rays: Rays, surface: Tensor, kind: int) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave shapes of one kind, each (pairs, R); enter > leave for a miss."""
    m = shapes.to_local[surface][:, :, None].unbind(1)
    (ox, oy, oz), (dx, dy, dz) = rays.origin, rays.direction
    rows = (m[0:4], m[4:8], m[8:12])
    p = tuple(a * ox + b * oy + c * oz + d for a, b, c, d in rows)
    v = tuple(a * dx + b * dy + c * dz for a, b, c, _ in rows)
    if kind == BOX:
        return _box(p, v)  # type: ignore[arg-type]
    square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
    middle = -(p[0] * v[0] + p[1] * v[1] + p[2] * v[2]) / square
    p = tuple(place + middle * rate for place, rate in zip(p, v, strict=True))
    if kind == ELLIPSOID:
        rest = 1 - (p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
        reach = (rest.clamp_min(0) / square).sqrt()
        return torch.where(rest > 0, middle - reach, HUGE), torch.where(rest > 0, middle + reach, -HUGE)
    near, far = _cone(p, v, shapes.taper[surface][:, None])  # type: ignore[arg-type]
    return middle + near, middle + far


def _away_from_zero(x: Tensor) -> Tensor:
    return torch.where(x.abs() > TINY, x, TINY)


def _box(p: Triple, v: Triple) -> tuple[Tensor, Tensor]:
    inverse = [1 / _away_from_zero(rate) for rate in v]
    middle = [-place * inv for place, inv in zip(p, inverse, strict=True)]
    half = [inv.abs() for inv in inverse]
    near = torch.maximum(middle[0] - half[0], torch.maximum(middle[1] - half[1], middle[2] - half[2]))
    far = torch.minimum(middle[0] + half[0], torch.minimum(middle[1] + half[1], middle[2] + half[2]))
    return near, far


def _cone(p: Triple, v: Triple, taper: Tensor) -> tuple[Tensor, Tensor]:
    """numba_shapes._cone says why."""
    mean, rate = 0.5 * (1 + taper), 0.5 * (taper - 1)
    inverse = 1 / _away_from_zero(v[2])
    low, high = -p[2] * inverse - inverse.abs(), -p[2] * inverse + inverse.abs()
    radius = mean + rate * p[2]
    a = _away_from_zero(v[0] * v[0] + v[1] * v[1] - rate * rate * v[2] * v[2])
    b = p[0] * v[0] + p[1] * v[1] - rate * v[2] * radius
    rest = b * b - a * (p[0] * p[0] + p[1] * p[1] - radius * radius)
    root = rest.clamp_min(0).sqrt()
    one, two = (-b - root) / a, (-b + root) / a
    first, last = torch.minimum(one, two), torch.maximum(one, two)
    below = torch.minimum(high, first) > low
    steep_near = torch.where(below | (rest < 0), low, torch.maximum(low, last))
    steep_far = torch.where(below & (rest > 0), torch.minimum(high, first), high)
    flat_near = torch.where(rest > 0, torch.maximum(low, first), HUGE)
    return torch.where(a > 0, flat_near, steep_near), torch.where(a > 0, torch.minimum(high, last), steep_far)
