"""Scenes to pictures on CPU cores: tiles of 8 x 8 pixels, each against the few solids that can matter to it."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..atlas import Atlas
from ..scene import Cameras, Floats, Ints, Picture, Scene
from .compiled import compiled
from .ground import ground_hit
from .lighting import SHADE_ROWS, SUM_B, SUM_G, SUM_R, describe, illuminate
from .shading import sky_colour
from .shapes import BEST, DX, DY, DZ, HUGE, OX, OY, OZ, ROWS, SIDE, N, meet


class Packed(NamedTuple):
    """A Scene as compiled code takes it; see there for the meanings."""

    solids: int
    kind: Ints
    to_local: Floats
    normal_to_world: Floats
    half: Floats
    taper: Floats
    bounds: Floats
    hole: Ints
    material: Ints
    ground: int
    ground_half: float
    heights: Floats
    slope: float
    lowest: float
    highest: float
    tile: Ints
    fit: NDArray[np.bool_]
    scale: Floats
    turn: Floats
    shift: Floats
    palette: Floats
    stain: Floats
    gloss: Floats
    lights: Floats
    ambient: Floats
    sky: Floats
    haze: float
    far: float


class Texels(NamedTuple):
    """An Atlas as compiled code takes it."""

    texels: NDArray[np.uint8]
    starts: NDArray[np.int64]
    side: int


def pack(scene: Scene) -> Packed:
    """The scene's arrays, the shapes' frames flattened to twelve numbers."""
    values = {name: getattr(scene, name) for name in Packed._fields if name not in ("lowest", "highest")}
    values["to_local"] = np.ascontiguousarray(scene.to_local.reshape(-1, 12))
    lowest, highest = float(scene.heights.min()), float(scene.heights.max())
    return Packed(**values, lowest=lowest, highest=highest)


def render(scene: Scene, atlas: Atlas, cameras: Cameras) -> Picture:
    """Render V views of one scene on the calling thread (which it lets others run beside)."""
    (width, height), views = cameras.size, len(cameras)
    light = np.empty((views, height, width, 3), np.float32)
    points = np.empty((views, height, width, 3), np.float32)
    surface = np.empty((views, height, width), np.int32)
    packed, texels = pack(scene), Texels(atlas.texels, atlas.starts, atlas.side)
    for view, (pose, K) in enumerate(zip(cameras.cam2world, cameras.K, strict=True)):
        _render_view(packed, texels, pose, K, light[view], points[view], surface[view], True)
    return Picture(light, points, surface)


def probe(scene: Scene, cameras: Cameras) -> tuple[Floats, Ints]:
    """Points (V, H, W, 3) and surfaces (V, H, W) alone, several times faster."""
    (width, height), views = cameras.size, len(cameras)
    points = np.empty((views, height, width, 3), np.float32)
    surface = np.empty((views, height, width), np.int32)
    packed, nothing = pack(scene), np.empty((0, 0, 3), np.float32)
    for view, (pose, K) in enumerate(zip(cameras.cam2world, cameras.K, strict=True)):
        _render_view(packed, _NO_TEXELS, pose, K, nothing, points[view], surface[view], False)
    return points, surface


_NO_TEXELS = Texels(np.zeros(3, np.uint8), np.zeros(1, np.int64), 1)


@compiled
def _render_view(scene, atlas, pose, K, light, points, surface, shaded):
    height, width = surface.shape
    rays, to_light, which = np.empty(ROWS * N, np.float32), np.empty(ROWS * N, np.float32), np.empty(N, np.int32)
    shade, candidates, order = (
        np.empty((SHADE_ROWS, N), np.float32),
        np.empty(scene.solids, np.int32),
        np.empty(scene.solids),
    )
    for top in range(0, height, SIDE):
        for left in range(0, width, SIDE):
            _aim(rays, pose, K, left, top, width, height)
            count = _solids_in_sight(scene, rays, candidates, order)
            _first_hits(scene, rays, which, candidates, order, count)
            if shaded:
                describe(scene, atlas, rays, which, K, shade)
                illuminate(scene, to_light, which, shade, candidates)
            _store(scene, atlas, rays, which, shade, left, top, light, points, surface, shaded)


@compiled
def _aim(rays, pose, K, left, top, width, height):
    """The tile's rays, of unit depth; beyond the picture's edge the last pixels repeat."""
    for r in range(N):
        x, y = min(left + r % SIDE, width - 1), min(top + r // SIDE, height - 1)
        a, b = (x + 0.5 - K[0, 2]) / K[0, 0], (y + 0.5 - K[1, 2]) / K[1, 1]
        rays[OX + r], rays[OY + r], rays[OZ + r] = pose[0, 3], pose[1, 3], pose[2, 3]
        rays[DX + r] = pose[0, 0] * a + pose[0, 1] * b + pose[0, 2]
        rays[DY + r] = pose[1, 0] * a + pose[1, 1] * b + pose[1, 2]
        rays[DZ + r] = pose[2, 0] * a + pose[2, 1] * b + pose[2, 2]


@compiled
def _solids_in_sight(scene, rays, candidates, order):
    """Solids whose sphere meets the cone around the tile's rays, nearest first; order: their least distance."""
    ax, ay, az = 0.0, 0.0, 0.0
    for r in (0, SIDE - 1, N - SIDE, N - 1):
        length = math.sqrt(rays[DX + r] ** 2 + rays[DY + r] ** 2 + rays[DZ + r] ** 2)
        ax, ay, az = ax + rays[DX + r] / length, ay + rays[DY + r] / length, az + rays[DZ + r] / length
    length = math.sqrt(ax * ax + ay * ay + az * az)
    ax, ay, az, cosine = ax / length, ay / length, az / length, 1.0
    for r in (0, SIDE - 1, N - SIDE, N - 1):
        length = math.sqrt(rays[DX + r] ** 2 + rays[DY + r] ** 2 + rays[DZ + r] ** 2)
        cosine = min(cosine, (ax * rays[DX + r] + ay * rays[DY + r] + az * rays[DZ + r]) / length)
    sine, count = math.sqrt(max(0.0, 1.0 - cosine * cosine)), 0
    for s in range(scene.solids):
        x, y, z = scene.bounds[s, 0] - rays[OX], scene.bounds[s, 1] - rays[OY], scene.bounds[s, 2] - rays[OZ]
        radius, along, square = scene.bounds[s, 3], ax * x + ay * y + az * z, x * x + y * y + z * z
        aside = math.sqrt(max(0.0, square - along * along))
        if along < -radius or aside * cosine - along * sine > radius:
            continue
        distance, place = math.sqrt(square) - radius, count
        while place > 0 and order[place - 1] > distance:
            order[place], candidates[place] = order[place - 1], candidates[place - 1]
            place -= 1
        order[place], candidates[place], count = distance, s, count + 1
    return count


@compiled
def _first_hits(scene, rays, which, candidates, order, count):
    far = HUGE
    for r in range(N):
        rays[BEST + r], which[r] = HUGE, -1
    longest = 0.0
    for r in range(N):
        longest = max(longest, rays[DX + r] ** 2 + rays[DY + r] ** 2 + rays[DZ + r] ** 2)
    longest = math.sqrt(longest)
    for place in range(count):
        if order[place] > far * longest:
            break
        meet(rays, which, scene.kind, scene.to_local, scene.taper, scene.hole, candidates[place])
        far = np.float32(0)
        for r in range(N):
            far = max(far, rays[BEST + r])
    for r in range(N):
        dx, dy, dz = rays[DX + r], rays[DY + r], rays[DZ + r]
        limit = scene.far / math.sqrt(dx * dx + dy * dy + dz * dz)
        t = ground_hit(
            scene.heights,
            scene.ground_half,
            scene.slope,
            scene.lowest,
            scene.highest,
            scene.ground,
            rays[OX + r],
            rays[OY + r],
            rays[OZ + r],
            dx,
            dy,
            dz,
            1e-3,
            min(rays[BEST + r], limit),
        )
        if t < rays[BEST + r]:
            rays[BEST + r], which[r] = t, len(scene.kind)
        elif rays[BEST + r] > limit:
            which[r] = -1


@compiled
def _store(scene, atlas, rays, which, shade, left, top, light, points, surface, shaded):
    """The tile's part of the picture, seen through the haze; the sky where nothing was hit."""
    height, width = surface.shape
    for r in range(N):
        x, y, t = left + r % SIDE, top + r // SIDE, rays[BEST + r]
        if x >= width or y >= height:
            continue
        dx, dy, dz = rays[DX + r], rays[DY + r], rays[DZ + r]
        surface[y, x] = which[r]
        hit = np.float32(which[r] >= 0)
        t = t if which[r] >= 0 else np.float32(0)
        points[y, x, 0] = (rays[OX + r] + t * dx) * hit
        points[y, x, 1] = (rays[OY + r] + t * dy) * hit
        points[y, x, 2] = (rays[OZ + r] + t * dz) * hit
        if not shaded:
            continue
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        if which[r] < 0:
            red, green, blue = sky_colour(scene, atlas, dx / length, dy / length, dz / length)
            light[y, x, 0], light[y, x, 1], light[y, x, 2] = red, green, blue
            continue
        clear = math.exp(-scene.haze * t * length)
        light[y, x, 0] = shade[SUM_R, r] * clear + scene.sky[1, 0] * (1.0 - clear)
        light[y, x, 1] = shade[SUM_G, r] * clear + scene.sky[1, 1] * (1.0 - clear)
        light[y, x, 2] = shade[SUM_B, r] * clear + scene.sky[1, 2] * (1.0 - clear)
