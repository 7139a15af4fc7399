"""Outdoors: flat or bumpy ground under the sky, with loose solids or with trees, huts, walls and stones."""

import numpy as np

from . import furniture
from .builder import Builder, Frame, Light
from .difficulty import Ranges
from .materials import Rng
from .patterns import SIDE, fractal_noise
from .scene import BOX, CONE
from .solids import bust, loose_solids
from .stage import Plot, Stage, draw_sky, near, pick, stand_about, sun


def hills(b: Builder, ranges: Ranges, half: float) -> None:
    """The ground: flat, or bumpy as far as the ranges allow."""
    if b.rng.random() < 0.4 or ranges.bumps <= 0:
        b.lay_ground("ground", half, None)
        return
    noise = fractal_noise(b.rng, b.rng.uniform(2.2, 3.0))[:: SIDE // 64, :: SIDE // 64]
    edge = np.minimum(np.arange(64), np.arange(64)[::-1]) / 8.0
    fade = np.clip(np.minimum.outer(edge, edge), 0, 1)
    b.lay_ground(
        "ground", half, ((noise - 0.5) * fade * b.rng.uniform(0.3, 1.0) * ranges.bumps * 1.5).astype(np.float32)
    )


def _daylight(rng: Rng) -> Light:
    sky = draw_sky(rng)
    cloudy = rng.random()
    fill = sky.mean(0) * rng.uniform(0.35, 0.6) * (1 + 0.5 * cloudy)
    lights = [sun(rng, rng.uniform(0.8, 1.4) * (1 - 0.7 * cloudy), lowest=0.3)]
    haze = float(rng.choice((0.0, rng.uniform(0.0, 0.02))))
    return Light(lights, np.stack([fill, fill * np.array([0.6, 0.55, 0.5])]), sky, haze, far=float(rng.uniform(25, 60)))


def plain_ground(b: Builder, ranges: Ranges) -> Stage:
    """Loose solids under the sky."""
    rng = b.rng
    extent = float(rng.uniform(1.3, 2.2))
    hills(b, ranges, extent * 6)
    targets = loose_solids(b, ranges, (extent, extent))
    reach = 4 * extent
    return Stage(
        _daylight(rng), targets, (-reach, -reach, -9), (reach, reach, 9), (1.5 * extent, 2.4 * extent), (0.7, 2.2)
    )


def countryside(b: Builder, ranges: Ranges) -> Stage:
    """Trees, houses, walls, benches and columns on the ground."""
    rng, plot, targets = b.rng, Plot(b.rng, []), []
    extent = float(rng.uniform(3.0, 7.0))
    hills(b, ranges, extent * 4)
    things = (tree, tree, house, low_wall, column, bench, rocks, rocks, statue, furniture.boxes, furniture.crate)
    for _ in range(int(rng.uniform(*ranges.objects)) + 3):
        make = pick(rng, things)
        spot = stand_about(b, plot, (extent, extent), make, 1.9 if make is house else 0.8)
        if spot is not None:
            targets.append((spot[0], spot[1], spot[2] + rng.uniform(0, 0.8)))
    reach = 3 * extent
    return Stage(
        _daylight(rng),
        near(rng, targets),
        (-reach, -reach, -9),
        (reach, reach, 12),
        (2.5, 1.6 * extent),
        (0.8, 3.0),
    )


def tree(b: Builder, f: Frame) -> float:
    """A trunk with a crown of balls or stacked cones."""
    rng = b.rng
    height, bark, green = rng.uniform(0.8, 2.2), b.material("bark"), b.material("foliage")
    b.tube(f, (0, 0, height / 2), rng.uniform(0.06, 0.16), height / 2 + 0.1, bark, taper=0.7)
    if rng.random() < 0.4:
        radius = rng.uniform(0.5, 1.0)
        for step in range(3):
            b.tube(f, (0, 0, height + 0.55 * step), radius * (1 - 0.25 * step), 0.45, green, taper=0.05)
    else:
        for _ in range(int(rng.integers(4, 9))):
            size = rng.uniform(0.25, 0.6)
            b.ball(f, (*rng.normal(0, 0.35, 2), height + rng.uniform(0, 0.9)), (size, size, size * 0.8), green)
    return 0.8


def house(b: Builder, f: Frame) -> float:
    """A hut with a door, windows on the other walls and a roof."""
    rng = b.rng
    hx, hy, height, thick = rng.uniform(0.9, 1.4), rng.uniform(0.8, 1.2), rng.uniform(1.8, 2.6), 0.08
    wall, roof = b.material("stone"), b.material("wood")
    for side in range(4):
        depth, width = ((hy, hx), (hx, hy))[side % 2]
        frame = Frame(f.x, f.y, f.z, f.yaw + side * np.pi / 2).at(0, depth - thick)
        body = b.box(
            frame, (0, 0, height / 2 - 0.2), (width - 0.002 * side, thick, height / 2 + 0.2 + 0.002 * side), wall
        )
        if side == 0:
            b.cut(body, BOX, frame, (0, 0, 0.85), (0.35, 0.2, 0.9))
        elif rng.random() < 0.7:
            b.cut(body, BOX, frame, (rng.uniform(-0.3, 0.3), 0, height * 0.6), (0.3, 0.2, 0.35))
    if rng.random() < 0.5:
        lean, rise = rng.uniform(0.4, 0.8), 0.0
        run = (hy + 0.2) / np.cos(lean) / 2
        for sign in (-1, 1):
            rise = np.sin(lean) * run
            b.box(
                f, (0, sign * np.cos(lean) * run, height + rise), (hx + 0.2, run, 0.05), roof, tilt=(-sign * lean, 0, 0)
            )
    else:
        b.tube(f, (0, 0, height + 0.5), 1.35 * max(hx, hy), 0.5, roof, taper=float(rng.uniform(0, 0.4)))
    return 1.8


def low_wall(b: Builder, f: Frame) -> float:
    """A garden wall, fence or arch."""
    rng, material = b.rng, b.material("stone")
    half, rise = rng.uniform(0.6, 1.4), rng.uniform(0.25, 0.9)
    body = b.box(f, (0, 0, rise - 0.3), (half, rng.uniform(0.06, 0.15), rise + 0.3), material)
    if rng.random() < 0.4:
        b.cut(body, CONE, f, (0, 0, rise * 0.9), (rise * 0.6, rise * 0.6, 0.5), tilt=(np.pi / 2, 0, 0))
    return half


def column(b: Builder, f: Frame) -> float:
    """A column or lamp post with base and top."""
    rng, material = b.rng, b.material("stone")
    height, radius = rng.uniform(1.0, 2.8), rng.uniform(0.08, 0.22)
    b.box(f, (0, 0, 0.0), (radius * 1.5, radius * 1.5, 0.15), material)
    b.tube(f, (0, 0, height / 2), radius, height / 2, material, taper=rng.uniform(0.7, 1.0))
    b.ball(f, (0, 0, height), (radius * 1.3,) * 3, b.material("any"))
    return 0.35


def bench(b: Builder, f: Frame) -> float:
    """A bench of planks on two feet."""
    wood, stone = b.material("wood"), b.material("stone")
    for y in (-0.15, 0.0, 0.15):
        b.box(f, (0, y, 0.45), (0.7, 0.06, 0.02), wood)
    b.box(f, (0, 0.23, 0.7), (0.7, 0.02, 0.12), wood, tilt=(-0.15, 0, 0))
    for x in (-0.5, 0.5):
        b.box(f, (x, 0.02, 0.18), (0.05, 0.2, 0.25), stone)
    return 0.75


def rocks(b: Builder, f: Frame) -> float:
    """A few boulders."""
    rng, material = b.rng, b.material("stone")
    for _ in range(int(rng.integers(1, 5))):
        size = rng.uniform(0.12, 0.5, 3)
        b.ball(f, (*rng.normal(0, 0.35, 2), size[2] * 0.4), size, material, tilt=tuple(rng.normal(0, 0.5, 3)))
    return 0.8


def statue(b: Builder, f: Frame) -> float:
    """A figure of rounded parts on a plinth, about symmetric."""
    rng, material = b.rng, b.material("stone")
    base = rng.uniform(0.2, 0.5)
    b.box(f, (0, 0, base / 2 - 0.1), (0.35, 0.35, base / 2 + 0.1), b.material("stone"))
    bust(b, f.at(0, 0, base), rng.uniform(0.25, 0.45), material)
    return 0.6
