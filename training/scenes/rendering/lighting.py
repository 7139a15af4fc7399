"""Light on a tile's 64 points: what is around, suns and lamps, with shadows from the few solids in between."""

import math

import numpy as np

from .compiled import compiled
from .ground import ground_hit
from .shading import albedo, ground_normal, local_point, surface_normal, surface_uv
from .shapes import BEST, DX, DY, DZ, OX, OY, OZ, N, meet

OFFSET = 2e-3  # metres off the surface at which a shadow ray starts
# Rows of `shade`: position, normal, colour of the matter, view direction, light so far.
PX, PY, PZ, NX, NY, NZ, RED, GREEN, BLUE, VX, VY, VZ, SUM_R, SUM_G, SUM_B = range(15)
SHADE_ROWS = 15


@compiled
def describe(scene, atlas, rays, which, K, shade):
    """Position, normal and colour of what each ray hit, and the light from all around."""
    for r in range(N):
        s, t, dx, dy, dz = which[r], rays[BEST + r], rays[DX + r], rays[DY + r], rays[DZ + r]
        if s < 0:
            continue
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        x, y, z = rays[OX + r] + t * dx, rays[OY + r] + t * dy, rays[OZ + r] + t * dz
        if s == len(scene.kind):
            m, (nx, ny, nz) = len(scene.tile) - 1, ground_normal(scene, x, y)
            u, v = float(x), float(y)
        else:
            m, (lx, ly, lz) = scene.material[s], local_point(scene, s, x, y, z)
            nx, ny, nz = surface_normal(scene, s, lx, ly, lz)
            u, v = surface_uv(scene, s, m, lx, ly, lz)
        vx, vy, vz = -dx / length, -dy / length, -dz / length
        facing = max(abs(nx * vx + ny * vy + nz * vz), 0.1)
        footprint = t * length / K[0, 0] / math.sqrt(facing)
        if scene.fit[m]:
            footprint *= 0.5 / max(scene.half[s, 0], scene.half[s, 1], scene.half[s, 2])
        red, green, blue = albedo(scene, atlas, m, u, v, footprint)
        up = 0.5 + 0.5 * nz
        shade[PX, r], shade[PY, r], shade[PZ, r] = x, y, z
        shade[NX, r], shade[NY, r], shade[NZ, r] = nx, ny, nz
        shade[VX, r], shade[VY, r], shade[VZ, r] = vx, vy, vz
        shade[RED, r], shade[GREEN, r], shade[BLUE, r] = red, green, blue
        shade[SUM_R, r] = red * (scene.ambient[0, 0] * up + scene.ambient[1, 0] * (1.0 - up))
        shade[SUM_G, r] = green * (scene.ambient[0, 1] * up + scene.ambient[1, 1] * (1.0 - up))
        shade[SUM_B, r] = blue * (scene.ambient[0, 2] * up + scene.ambient[1, 2] * (1.0 - up))


@compiled
def illuminate(scene, rays, which, shade, candidates):
    """Add what each light gives where nothing is between."""
    blocker = np.empty(N, np.int32)
    for number in range(len(scene.lights)):
        if not _aim_at_light(scene, rays, which, shade, scene.lights[number]):
            continue
        for r in range(N):
            blocker[r] = -1
        count = _solids_before_light(scene, rays, scene.lights[number], candidates)
        for place in range(count):
            meet(rays, blocker, scene.kind, scene.to_local, scene.taper, scene.hole, candidates[place])
        _add_light(scene, rays, which, blocker, shade, number)


@compiled
def _aim_at_light(scene, rays, which, shade, light):
    """Unit rays from the tile's points to the light, BEST the distance or 0 where it is behind; whether any counts."""
    some = False
    for r in range(N):
        s = which[r]
        rays[BEST + r] = 0
        if s < 0:
            rays[OX + r], rays[OY + r], rays[OZ + r], rays[DX + r], rays[DY + r], rays[DZ + r] = 0, 0, 0, 0, 0, 1
            continue
        nx, ny, nz = shade[NX, r], shade[NY, r], shade[NZ, r]
        x, y, z = shade[PX, r] + nx * OFFSET, shade[PY, r] + ny * OFFSET, shade[PZ, r] + nz * OFFSET
        lx, ly, lz = light[0] - x * light[3], light[1] - y * light[3], light[2] - z * light[3]
        length = math.sqrt(lx * lx + ly * ly + lz * lz)
        rays[OX + r], rays[OY + r], rays[OZ + r] = x, y, z
        rays[DX + r], rays[DY + r], rays[DZ + r] = lx / length, ly / length, lz / length
        if nx * lx + ny * ly + nz * lz > 0:
            rays[BEST + r], some = length if light[3] > 0 else scene.far, True
    return some


@compiled
def _solids_before_light(scene, rays, light, candidates):
    """Solids whose sphere comes near the way from the tile's points to the light."""
    low, high = np.empty(3), np.empty(3)
    low[:], high[:] = 1e30, -1e30
    for r in range(N):
        if rays[BEST + r] > 0:
            for axis in range(3):
                low[axis] = min(low[axis], rays[OX + axis * N + r])
                high[axis] = max(high[axis], rays[OX + axis * N + r])
    x, y, z = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2
    reach = math.sqrt((high[0] - low[0]) ** 2 + (high[1] - low[1]) ** 2 + (high[2] - low[2]) ** 2) / 2
    lx, ly, lz = light[0] - x * light[3], light[1] - y * light[3], light[2] - z * light[3]
    length = math.sqrt(lx * lx + ly * ly + lz * lz)
    end, count = length if light[3] > 0 else scene.far, 0
    for s in range(scene.solids):
        a, b, c = scene.bounds[s, 0] - x, scene.bounds[s, 1] - y, scene.bounds[s, 2] - z
        along = min(max((a * lx + b * ly + c * lz) / length, 0.0), end)
        a, b, c = a - along * lx / length, b - along * ly / length, c - along * lz / length
        if a * a + b * b + c * c < (scene.bounds[s, 3] + reach) ** 2:
            candidates[count] = s
            count += 1
    return count


@compiled
def _add_light(scene, rays, which, blocker, shade, number):
    """Lambert's law and Blinn's highlight, where the light arrives."""
    lamp, bumpy = scene.lights[number, 3], scene.highest > scene.lowest  # nothing on a plane is behind the plane
    for r in range(N):
        lx, ly, lz, distance, s = rays[DX + r], rays[DY + r], rays[DZ + r], rays[BEST + r], which[r]
        if distance <= 0 or blocker[r] >= 0:
            continue
        if bumpy:
            t = ground_hit(scene.heights, scene.ground_half, scene.slope, scene.lowest, scene.highest, scene.ground,
                           rays[OX + r], rays[OY + r], rays[OZ + r], lx, ly, lz, 0.05, distance)  # fmt: skip
            if t < distance:
                continue
        facing = shade[NX, r] * lx + shade[NY, r] * ly + shade[NZ, r] * lz
        power = 1.0 / (0.3 + distance * distance) if lamp > 0 else 1.0
        m, shine = (len(scene.tile) - 1 if s == len(scene.kind) else scene.material[s]), 0.0
        if scene.gloss[m, 0] > 0:
            hx, hy, hz = lx + shade[VX, r], ly + shade[VY, r], lz + shade[VZ, r]
            length = math.sqrt(hx * hx + hy * hy + hz * hz + 1e-12)
            cosine = max((shade[NX, r] * hx + shade[NY, r] * hy + shade[NZ, r] * hz) / length, 1e-6)
            shine = scene.gloss[m, 0] * math.exp(scene.gloss[m, 1] * math.log(cosine))
        shade[SUM_R, r] += scene.lights[number, 4] * power * (shade[RED, r] * facing + shine)
        shade[SUM_G, r] += scene.lights[number, 5] * power * (shade[GREEN, r] * facing + shine)
        shade[SUM_B, r] += scene.lights[number, 6] * power * (shade[BLUE, r] * facing + shine)
