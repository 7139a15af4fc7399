"""Colours with torch: the formulas of numba_shading on lists of points."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .atlas import Atlas
from .scene import BOX, ELLIPSOID, HEIGHT_FIELD
from .torch_ground import Grounds
from .torch_shapes import Shapes, Triple


@dataclass(frozen=True, slots=True)
class Texels:
    """An Atlas on a device."""

    texels: Tensor
    starts: Tensor
    side: int

    @staticmethod
    def of(atlas: Atlas, device: torch.device) -> "Texels":
        """Moved there."""
        return Texels(torch.from_numpy(atlas.texels).to(device), torch.from_numpy(atlas.starts).to(device), atlas.side)

    def sample(self, level: Tensor, tile: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Channels 0 to 1 at (u, v) in tiles, (..., 3)."""
        side = self.side >> level
        x, y = (u - u.floor()) * side - 0.5, (v - v.floor()) * side - 0.5
        column, row = x.floor(), y.floor()
        fx, fy = (x - column)[..., None], (y - row)[..., None]
        c0, r0 = column.long() & (side - 1), row.long() & (side - 1)
        c1, r1 = (c0 + 1) & (side - 1), (r0 + 1) & (side - 1)
        base = self.starts[level] + tile * side * side * 3
        channels = torch.arange(3, device=u.device)

        def at(r: Tensor, c: Tensor) -> Tensor:
            return self.texels[(base + (r * side + c) * 3)[..., None] + channels].float()

        low = at(r0, c0) * (1 - fx) + at(r0, c1) * fx
        high = at(r1, c0) * (1 - fx) + at(r1, c1) * fx
        return (low * (1 - fy) + high * fy) / 255


@dataclass(frozen=True, slots=True)
class Surfaces:
    """What lies on the surfaces of several scenes; the arrays of Scene in one list each."""

    normal_to_world: Tensor  # (N, 9)
    half: Tensor  # (N, 3)
    sign: Tensor  # (N,), -1 for holes
    material: Tensor  # (N,)
    tile: Tensor
    fit: Tensor
    scale: Tensor
    turn: Tensor
    shift: Tensor
    palette: Tensor
    stain: Tensor
    gloss: Tensor


def ground_normals(grounds: Grounds, scene: Tensor, x: Tensor, y: Tensor) -> Triple:
    """Unit normals of the ground."""
    step = 2 * grounds.half[scene] / (grounds.heights.shape[1] - 1)
    a = grounds.height(scene, x - step, y) - grounds.height(scene, x + step, y)
    b = grounds.height(scene, x, y - step) - grounds.height(scene, x, y + step)
    length = (a * a + b * b + 4 * step * step).sqrt()
    bumpy = grounds.kind[scene] == HEIGHT_FIELD
    return (
        torch.where(bumpy, a / length, 0),
        torch.where(bumpy, b / length, 0),
        torch.where(bumpy, 2 * step / length, 1),
    )


def local_points(shapes: Shapes, s: Tensor, points: Triple) -> Triple:
    """World points in the frames of surfaces s."""
    m = shapes.to_local[s].unbind(-1)
    x, y, z = points
    return tuple(m[i] * x + m[i + 1] * y + m[i + 2] * z + m[i + 3] for i in (0, 4, 8))  # type: ignore[return-value]


def on_caps(shapes: Shapes, s: Tensor, local: Triple) -> Tensor:
    """Whether a cone's points are nearer to a flat end than to the wall."""
    x, y, z = local
    radius = 1 + 0.5 * (shapes.taper[s] - 1) * (1 + z)
    return 1 - z.abs() < ((x * x + y * y).sqrt() - radius).abs()


def surface_normals(shapes: Shapes, surfaces: Surfaces, s: Tensor, local: Triple) -> Triple:
    """Unit world normals out of the matter."""
    x, y, z = local
    ax, ay, az = x.abs(), y.abs(), z.abs()
    kind = shapes.kind[s]
    zero = torch.zeros_like(x)
    on_x, on_y = (ax >= ay) & (ax >= az), (ay > ax) & (ay >= az)
    on_z = (az > ax) & (az > ay)
    face = (on_x * x.sign(), on_y * y.sign(), on_z * z.sign())
    cap = on_caps(shapes, s, local)
    wall = -0.5 * (shapes.taper[s] - 1) * (x * x + y * y).sqrt()
    cone = (torch.where(cap, zero, x), torch.where(cap, zero, y), torch.where(cap, z, wall))
    a, b, c = (
        torch.where(kind == BOX, f, torch.where(kind == ELLIPSOID, e, k))
        for f, e, k in zip(face, local, cone, strict=True)
    )
    m = surfaces.normal_to_world[s].unbind(-1)
    n = tuple(m[i] * a + m[i + 1] * b + m[i + 2] * c for i in (0, 3, 6))
    length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt() * surfaces.sign[s]
    return n[0] / length, n[1] / length, n[2] / length


def surface_uvs(shapes: Shapes, surfaces: Surfaces, s: Tensor, local: Triple) -> tuple[Tensor, Tensor]:
    """Where on their patterns points are, in metres or faces."""
    x, y, z = local
    ax, ay, az = x.abs(), y.abs(), z.abs()
    kind, m = shapes.kind[s], surfaces.material[s]
    hx, hy, hz = surfaces.half[s].unbind(-1)
    fit, scale = surfaces.fit[m], surfaces.scale[m]
    gx, gy, gz = (torch.where(fit, 0.5, h) for h in (hx, hy, hz))
    on_x, on_y = (ax >= ay) & (ax >= az), ay >= az
    box_u = torch.where(on_x, y * gy, x * gx) + 0.5 * fit
    box_v = torch.where(on_x | on_y, z * gz, y * gy) + 0.5 * fit
    girth = (2 * math.pi * hx * scale + 0.5).floor().clamp_min(1) / scale
    around = torch.atan2(y, x) / (2 * math.pi) * girth
    cap = on_caps(shapes, s, local)
    u = torch.where(kind == ELLIPSOID, around, torch.where(cap, x * hx, around))
    v = torch.where(kind == ELLIPSOID, z.clamp(-1, 1).asin() * hz, torch.where(cap, y * hy, z * hz))
    return torch.where(kind == BOX, box_u, u), torch.where(kind == BOX, box_v, v)


def albedos(surfaces: Surfaces, texels: Texels, m: Tensor, u: Tensor, v: Tensor, footprint: Tensor) -> Tensor:
    """Linear colours (..., 3) of materials m at (u, v)."""
    scale, (cosine, sine) = surfaces.scale[m], surfaces.turn[m].unbind(-1)
    shift_u, shift_v = surfaces.shift[m].unbind(-1)
    width = (footprint * scale * texels.side).clamp_min(1e-6)
    level = (width.log2() + 0.5).floor().clamp(0, len(texels.starts) - 1).long()
    pattern_u, pattern_v = (cosine * u - sine * v) * scale + shift_u, (sine * u + cosine * v) * scale + shift_v
    channels = texels.sample(level, surfaces.tile[m], pattern_u, pattern_v)
    tile, rate, strength = surfaces.stain[m].unbind(-1)
    soft = texels.sample(torch.zeros_like(level), tile.long(), u * rate, v * rate)[..., 0]
    stain = 1 + strength * (2 * soft - 1)
    colour = (surfaces.palette[m] @ channels[..., None])[..., 0] * stain[..., None]
    return colour.clamp(0.02, 1) ** 2


def sky_colours(sky: Tensor, texels: Texels, dx: Tensor, dy: Tensor, dz: Tensor) -> Tensor:
    """Linear colours (..., 3) of skies (..., 2, 3) along unit directions."""
    up = dz.clamp_min(0)
    zero = torch.zeros_like(up, dtype=torch.int64)
    cloud = texels.sample(zero, zero, dx / (up + 0.3) * 0.5, dy / (up + 0.3) * 0.5)[..., 0]
    white = (0.8 * (4 * cloud - 2).clamp(0, 1) * (4 * up).clamp_max(1))[..., None]
    blend = up.sqrt()[..., None]
    colour = sky[..., 0, :] * blend + sky[..., 1, :] * (1 - blend)
    return colour + (0.9 - colour) * white
