"""Scenes to pictures with torch, many views of many scenes at once: for a GPU; the same pictures as Numba's.

Tiles of 8 x 8 pixels and solids are paired by their bounding spheres, and only pairs are computed. Memory is bounded by
taking some views at a time, and some pairs at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .numba_lighting import OFFSET
from .scene import Cameras, Scene
from .torch_ground import ground_hits
from .torch_shading import (
    Texels,
    albedos,
    ground_normals,
    local_points,
    sky_colours,
    surface_normals,
    surface_uvs,
)
from .torch_shapes import HUGE, Rays, Triple, distance_of, nearest, surface_of
from .torch_world import World, make_world

SIDE = 8
RAYS = SIDE * SIDE


@dataclass(frozen=True, slots=True)
class Hits:
    """What T x 64 rays met first."""

    t: Tensor
    surface: Tensor  # number in the world's list, -2 for the ground, -1 for nothing
    scene: Tensor


def render(
    scenes: Sequence[Scene], cameras: Sequence[Cameras], texels: Texels, device: torch.device, budget: int = 1 << 22
) -> tuple[Tensor, Tensor, Tensor]:
    """Render V views each of S scenes: light (S, V, H, W, 3), points (S, V, H, W, 3), surface (S, V, H, W).

    budget: rays at once; the memory taken is about a kilobyte for each.
    """
    world = make_world(scenes, device)
    (width, height), views = cameras[0].size, len(cameras[0])
    poses = torch.from_numpy(np.concatenate([c.cam2world for c in cameras])).to(device, torch.float32)
    K = torch.from_numpy(np.concatenate([c.K for c in cameras])).to(device, torch.float32)
    scene = torch.arange(len(scenes), device=device).repeat_interleave(views)
    step = max(1, budget // (-(-height // SIDE) * -(-width // SIDE) * RAYS))
    parts = [
        _render_views(world, texels, scene[i : i + step], poses[i : i + step], K[i : i + step], width, height, budget)
        for i in range(0, len(scene), step)
    ]
    light, points, surface = (torch.cat(column) for column in zip(*parts, strict=True))
    shape = (len(scenes), views, height, width)
    return light.reshape(*shape, 3), points.reshape(*shape, 3), surface.reshape(shape)


def _render_views(
    world: World, texels: Texels, scene: Tensor, poses: Tensor, K: Tensor, width: int, height: int, budget: int
) -> tuple[Tensor, Tensor, Tensor]:
    rows, columns = -(-height // SIDE), -(-width // SIDE)
    rays = _aim(poses, K, width, height)
    scenes = scene.repeat_interleave(rows * columns)
    chunk = max(1, budget // RAYS)
    hits = _first_hits(world, rays, scenes, chunk)
    focal = K[:, 0, 0].repeat_interleave(rows * columns)[:, None]
    light, points = _shade(world, texels, rays, hits, focal, chunk)
    own = torch.where(hits.surface >= 0, hits.surface - world.first[scenes][:, None], hits.surface)
    count = torch.diff(world.first, append=world.first.new_tensor([len(world.shapes.kind)]))
    own = torch.where(hits.surface == -2, count[scenes][:, None], own)

    def untile(values: Tensor) -> Tensor:
        tail = values.shape[2:]
        grid = values.reshape(len(scene), rows, columns, SIDE, SIDE, *tail).transpose(2, 3)
        return grid.reshape(len(scene), rows * SIDE, columns * SIDE, *tail)[:, :height, :width]

    return untile(light), untile(points), untile(own.to(torch.int32))


def _aim(poses: Tensor, K: Tensor, width: int, height: int) -> Rays:
    """Rays of unit depth, (views x tiles, 64); beyond the edge the last pixels repeat."""
    y, x = torch.meshgrid(
        torch.arange(-(-height // SIDE) * SIDE, device=K.device),
        torch.arange(-(-width // SIDE) * SIDE, device=K.device),
        indexing="ij",
    )

    def tiled(grid: Tensor) -> Tensor:
        blocks = grid.reshape(grid.shape[0] // SIDE, SIDE, grid.shape[1] // SIDE, SIDE)
        return blocks.transpose(1, 2).reshape(1, -1, RAYS)

    x, y = tiled(x.clamp_max(width - 1) + 0.5), tiled(y.clamp_max(height - 1) + 0.5)
    k = K[:, None, None]
    a, b = (x - k[..., 0, 2]) / k[..., 0, 0], (y - k[..., 1, 2]) / k[..., 1, 1]
    p = poses[:, None, None]
    direction = tuple((p[..., i, 0] * a + p[..., i, 1] * b + p[..., i, 2]).reshape(-1, RAYS) for i in range(3))
    origin = tuple(p[..., i, 3].expand(-1, x.shape[1], -1).reshape(-1, 1) for i in range(3))
    return Rays(origin, direction)  # type: ignore[arg-type]


def _first_hits(world: World, rays: Rays, scenes: Tensor, chunk: int) -> Hits:
    tile, solid = _pairs_in_sight(world, rays, scenes)
    shape = (len(scenes), RAYS)
    best = nearest(world.shapes, rays, tile, solid, shape, chunk)
    t, surface = distance_of(best), surface_of(best)
    dx, dy, dz = rays.direction
    limit = world.far[scenes][:, None] / (dx * dx + dy * dy + dz * dz).sqrt()
    everywhere = scenes[:, None].expand(shape)
    spread = Rays(tuple(part.expand(shape) for part in rays.origin), rays.direction)  # type: ignore[arg-type]
    ground = ground_hits(world.grounds, everywhere, spread, 1e-3, torch.minimum(t, limit))
    surface = torch.where(ground < t, -2, torch.where(t > limit, -1, surface))
    return Hits(torch.minimum(t, ground), surface, everywhere)


def _pairs_in_sight(world: World, rays: Rays, scenes: Tensor) -> tuple[Tensor, Tensor]:
    """Tiles and solids whose bounding sphere meets the cone around the tile's rays."""
    corners = [0, SIDE - 1, RAYS - SIDE, RAYS - 1]
    unit = torch.stack([part[:, corners] for part in rays.direction], -1)
    unit = torch.nn.functional.normalize(unit, dim=-1)
    axis = torch.nn.functional.normalize(unit.sum(1), dim=-1)
    cosine = (unit @ axis[..., None])[..., 0].amin(1, keepdim=True).clamp_max(1)
    sine = (1 - cosine * cosine).sqrt() + 1e-4  # float32 knows small angles only so well
    origin = torch.cat(rays.origin, 1)
    bounds = world.bounds[scenes]
    away, radius = bounds[..., :3] - origin[:, None], bounds[..., 3]
    along = (away * axis[:, None]).sum(-1)
    aside = ((away * away).sum(-1) - along * along).clamp_min(0).sqrt()
    meets = (along >= -radius) & (aside * cosine - along * sine <= radius) & (world.solid[scenes] >= 0)
    tile, place = meets.nonzero(as_tuple=True)
    return tile, world.solid[scenes[tile], place]


def _shade(
    world: World, texels: Texels, rays: Rays, hits: Hits, focal: Tensor, chunk: int
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Linear light and world points (zero where nothing was hit), (T, 64, 3) each."""
    met = hits.surface != -1
    t = torch.where(met, hits.t, 0)
    points = rays.at(t)
    length = (rays.direction[0] ** 2 + rays.direction[1] ** 2 + rays.direction[2] ** 2).sqrt()
    view = tuple(-part / length for part in rays.direction)
    normal, material, colour = _describe(world, texels, hits, points, view, t * length / focal)  # type: ignore[arg-type]
    up = (0.5 + 0.5 * normal[2])[..., None]
    ambient = world.ambient[hits.scene[:, :1]]
    light = colour * (ambient[..., 0, :] * up + ambient[..., 1, :] * (1 - up))
    for number in range(world.lights.shape[1]):
        light = light + _lit(world, hits, points, normal, view, material, colour, number, chunk)  # type: ignore[arg-type]
    clear = torch.exp(-world.haze[hits.scene] * t * length)[..., None]
    sky = world.sky[hits.scene[:, :1]]
    light = light * clear + sky[..., 1, :] * (1 - clear)
    backdrop = sky_colours(sky.expand(-1, RAYS, -1, -1), texels, *(-part for part in view))
    shown = met[..., None]
    return torch.where(shown, light, backdrop), torch.where(shown, torch.stack(points, -1), 0)


def _describe(
    world: World, texels: Texels, hits: Hits, points: Triple, view: Triple, footprint: Tensor
) -> tuple[Triple, Tensor, Tensor]:
    """Normals, materials and colours of what was hit; something harmless where nothing was."""
    s, ground = hits.surface.clamp_min(0), hits.surface == -2
    on_solid = hits.surface >= 0
    own_frame = local_points(world.shapes, s, points)
    local = tuple(torch.where(on_solid, part, 0.5) for part in own_frame)  # elsewhere any point that has a normal
    own = surface_normals(world.shapes, world.surfaces, s, local)  # type: ignore[arg-type]
    flat = ground_normals(world.grounds, hits.scene, points[0], points[1])
    normal = tuple(torch.where(ground, g, n) for g, n in zip(flat, own, strict=True))
    material = torch.where(ground, world.ground_material[hits.scene], world.surfaces.material[s])
    u, v = surface_uvs(world.shapes, world.surfaces, s, local)  # type: ignore[arg-type]
    u, v = torch.where(ground, points[0], u), torch.where(ground, points[1], v)
    facing = sum(n * w for n, w in zip(normal, view, strict=True)).abs().clamp_min(0.1)  # type: ignore[union-attr]
    footprint = footprint / facing.sqrt()
    fitted = footprint * 0.5 / world.surfaces.half[s].amax(-1)
    footprint = torch.where(world.surfaces.fit[material] & ~ground, fitted, footprint)
    return normal, material, albedos(world.surfaces, texels, material, u, v, footprint)  # type: ignore[return-value]


def _lit(
    world: World, hits: Hits, points: Triple, normal: Triple, view: Triple, material: Tensor, colour: Tensor,
    number: int, chunk: int,
) -> Tensor:  # fmt: skip
    """What one light adds, (T, 64, 3)."""
    scenes = hits.scene[:, 0]
    light = world.lights[scenes, number][:, None]
    lamp = light[..., 3]
    start = tuple(p + OFFSET * n for p, n in zip(points, normal, strict=True))
    way = tuple(light[..., i] - start[i] * lamp for i in range(3))
    distance = (way[0] ** 2 + way[1] ** 2 + way[2] ** 2).sqrt().clamp_min(1e-9)  # no light at all where padded
    to_light = Rays(start, tuple(part / distance for part in way))  # type: ignore[arg-type]
    facing = sum(n * w for n, w in zip(normal, to_light.direction, strict=True))
    limit = torch.where(lamp > 0, distance, world.far[scenes][:, None])
    limit = torch.where((facing > 0) & (hits.surface != -1) & (light[..., 4:].sum(-1) > 0), limit, 0.0)  # type: ignore[operator]
    tile, solid = _pairs_before_light(world, to_light, limit, scenes, light[:, 0])
    lit = limit > 0
    if len(tile):
        lit &= distance_of(nearest(world.shapes, to_light, tile, solid, limit.shape, chunk)) >= limit  # type: ignore[arg-type]
    bumpy = lit & (world.grounds.highest > world.grounds.lowest)[scenes][:, None]
    where = bumpy.nonzero(as_tuple=True)
    if len(where[0]):
        lit[where] &= (
            ground_hits(world.grounds, hits.scene[where], to_light.of(where), 0.05, limit[where]) >= limit[where]
        )  # type: ignore[arg-type]
    half = tuple(d + w for d, w in zip(to_light.direction, view, strict=True))
    norm = (half[0] ** 2 + half[1] ** 2 + half[2] ** 2 + 1e-12).sqrt()
    cosine = sum(n * h for n, h in zip(normal, half, strict=True)) / norm  # type: ignore[operator]
    strength, exponent = world.surfaces.gloss[material].unbind(-1)
    shine = strength * torch.exp(exponent * cosine.clamp_min(1e-6).log())
    power = torch.where(lamp > 0, 1 / (0.3 + distance**2), 1.0) * lit
    return light[..., 4:] * power[..., None] * (colour * facing[..., None] + shine[..., None])  # type: ignore[index]


def _pairs_before_light(
    world: World, to_light: Rays, limit: Tensor, scenes: Tensor, light: Tensor
) -> tuple[Tensor, Tensor]:
    """Tiles and solids whose bounding sphere comes near the way from the tile's points to the light."""
    start = torch.stack(to_light.origin, -1)
    counts = (limit > 0)[..., None]
    low, high = torch.where(counts, start, HUGE).amin(1), torch.where(counts, start, -HUGE).amax(1)
    some = counts.any(1)
    middle = torch.where(some, (low + high) / 2, 0)
    reach = torch.where(some, high - low, 0).norm(dim=-1, keepdim=True) / 2
    way = light[:, :3] - middle * light[:, 3:4]
    length = way.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    end = torch.where(light[:, 3:4] > 0, length, world.far[scenes][:, None])
    bounds = world.bounds[scenes]
    away = bounds[..., :3] - middle[:, None]
    along = torch.minimum((away @ (way / length)[..., None])[..., 0].clamp_min(0), end)
    aside = away - along[..., None] * (way / length)[:, None]
    meets = (aside.norm(dim=-1) < bounds[..., 3] + reach) & some & (world.solid[scenes] >= 0)
    tile, place = meets.nonzero(as_tuple=True)
    return tile, world.solid[scenes[tile], place]
