"""Indoors: walls with openings and pictures, furnished rooms, rooms with loose solids, things seen from near."""

import numpy as np

from . import furniture
from .builder import Builder, Frame, Light
from .difficulty import Ranges
from .materials import Rng
from .scene import BOX
from .solids import bust, loose_solids
from .stage import Maker, Plot, Stage, draw_sky, near, pick, stand_about, sun

# Metres that furniture takes along a wall, and from its middle to the wall.
ROOM_NEEDED: dict[Maker, tuple[float, float]] = {
    furniture.bed: (0.9, 1.05),
    furniture.sofa: (0.95, 0.46),
    furniture.shelf: (0.6, 0.22),
}


def walls(b: Builder, half: tuple[float, float], height: float) -> Light:
    """Floor, ceiling and four walls with windows, doors, skirting and pictures; the lamps that light them."""
    rng, (hx, hy), thick = b.rng, half, 0.1
    origin = Frame()
    b.box(origin, (0, 0, -thick), (hx + thick, hy + thick, thick), b.material("floor"))
    b.box(origin, (0, 0, height + thick), (hx + thick, hy + thick, thick), b.material("ceiling"))
    shared = b.material("wall")
    sunny = False
    for side in range(4):
        depth, width = ((hy, hx), (hx, hy))[side % 2]
        frame = Frame(yaw=side * np.pi / 2).at(0, depth + thick)
        wall = b.box(
            frame, (0, 0, height / 2), (width, thick, height / 2), b.material("wall") if rng.random() < 0.5 else shared
        )
        opening = rng.random()
        if opening < 0.35:
            w, h, x = rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.65), rng.uniform(-0.4, 0.4) * width
            b.cut(wall, BOX, frame, (x, 0, height * 0.55), (w, thick * 1.5, h))
            _window_bars(b, frame, x, height * 0.55, w, h)
            sunny = True
        elif opening < 0.5:
            b.cut(wall, BOX, frame, (rng.uniform(-0.6, 0.6) * width, 0, 1.0), (0.45, thick * 1.5, 1.02))
        b.box(frame, (0, -thick - 0.01, 0.05), (width, 0.012, 0.05), b.material("wood"))
        if opening > 0.5 or rng.random() < 0.3:
            pictures(b, frame.at(0, -thick), width, height)
    return _room_light(rng, half, height, sunny)


def _window_bars(b: Builder, frame: Frame, x: float, z: float, w: float, h: float) -> None:
    paint = b.material("ceiling")
    b.box(frame, (x, 0, z), (0.02, 0.02, h), paint)
    b.box(frame, (x, 0, z), (w, 0.02, 0.02), paint)
    b.box(frame, (x, -0.12, z - h - 0.017), (w + 0.06, 0.06, 0.02), paint)


def pictures(b: Builder, wall: Frame, width: float, height: float) -> None:
    """Framed pictures in a row along a wall."""
    rng, x = b.rng, -width + rng_gap(b.rng)
    while x < width - 0.4:
        w, h = rng.uniform(0.15, 0.55), rng.uniform(0.15, 0.45)
        z = height * 0.6 + rng.normal(0, 0.1)
        if x + 2 * w < width:
            b.box(wall, (x + w, -0.012, z), (w + 0.03, 0.015, h + 0.03), b.material("wood"))
            b.box(wall, (x + w, -0.02, z), (w, 0.012, h), b.material("print"))
        x += 2 * w + rng_gap(rng)


def rng_gap(rng: Rng) -> float:
    """Metres between two things along a wall."""
    return float(rng.uniform(0.15, 1.2))


def _room_light(rng: Rng, half: tuple[float, float], height: float, sunny: bool) -> Light:
    warmth = np.array([1.0, rng.uniform(0.8, 1.0), rng.uniform(0.6, 1.0)])
    power = rng.uniform(0.5, 1.0) * height**2
    spots = [(*(rng.uniform(-0.6, 0.6, 2) * half), height - rng.uniform(0.1, 0.5))]
    if rng.random() < 0.4:
        spots.append((*(rng.uniform(-0.8, 0.8, 2) * half), rng.uniform(1.2, height - 0.2)))
    lights = [(*spot, 1.0, *(warmth * power / len(spots))) for spot in spots]
    if sunny:
        lights.append(sun(rng, rng.uniform(1.0, 2.5), lowest=0.35))
    fill = rng.uniform(0.18, 0.4) * (0.5 + 0.5 * warmth)
    return Light(lights, np.stack([fill, fill * rng.uniform(0.5, 0.9)]), draw_sky(rng))


def furnished_room(b: Builder, ranges: Ranges) -> Stage:
    """A living room, bedroom, study or kitchen: furniture along the walls and about, rugs."""
    rng = b.rng
    half, height = (float(rng.uniform(1.8, 3.6)), float(rng.uniform(1.8, 3.2))), float(rng.uniform(2.3, 3.0))
    light, plot, targets = walls(b, half, height), Plot(rng, []), []
    for layer in range(int(rng.integers(0, 3))):
        thick = 0.004 + 0.003 * layer  # of unlike heights: equal ones would flicker where rugs overlap
        w, h = rng.uniform(0.6, 1.6), rng.uniform(0.5, 1.1)
        spot = rng.uniform(-0.4, 0.4, 2) * half
        b.box(Frame(*spot, yaw=rng.choice((0.0, rng.normal(0, 0.3)))), (0, 0, thick), (w, h, thick), b.material("rug"))
    wanted = int(rng.uniform(*ranges.objects)) + 4
    for number in range(wanted):
        if number < wanted * 0.55:
            spot = _along_wall(b, plot, half)
        else:
            make = pick(rng, furniture.ABOUT)
            spot = stand_about(b, plot, (half[0] - 0.4, half[1] - 0.4), make, 0.55)
        if spot is not None:
            targets.append(spot)
    targets += [(0.0, 0.0, 0.7)] * (1 + len(targets) // 3)  # the room as a whole
    inside = 0.35
    return Stage(
        light, near(rng, targets), (-half[0] + inside, -half[1] + inside, 0.4),
        (half[0] - inside, half[1] - inside, height - 0.25), (1.1, 1.8 * max(half)), (0.8, 1.9),
    )  # fmt: skip


def _along_wall(b: Builder, plot: Plot, half: tuple[float, float]) -> tuple[float, float, float] | None:
    """Furniture with its back to a wall, where the wall is free."""
    rng, make = b.rng, pick(b.rng, furniture.ALONG_WALLS)
    need, back = ROOM_NEEDED.get(make, (0.75, 0.35))
    side = int(rng.integers(4))
    depth, width = ((half[1], half[0]), (half[0], half[1]))[side % 2]
    for _ in range(6):
        frame = Frame(yaw=side * np.pi / 2).at(rng.uniform(-1, 1) * (width - need), depth - back - 0.03)
        if all(np.hypot(frame.x - x, frame.y - y) > need + r for x, y, r in plot.taken):
            plot.taken.append((frame.x, frame.y, need))
            make(b, frame)
            return frame.x, frame.y, 0.6
    return None


def plain_room(b: Builder, ranges: Ranges) -> Stage:
    """A room with loose solids in it."""
    rng = b.rng
    half, height = (float(rng.uniform(2.0, 3.6)), float(rng.uniform(2.0, 3.6))), float(rng.uniform(2.4, 3.6))
    light = walls(b, half, height)
    targets = loose_solids(b, ranges, (half[0] * 0.55, half[1] * 0.55))
    low, high = (-half[0] + 0.2, -half[1] + 0.2, 0.3), (half[0] - 0.2, half[1] - 0.2, height - 0.2)
    return Stage(light, targets, low, high, (1.3, 1.1 * max(half)), (0.6, 1.9))


def close_up(b: Builder, ranges: Ranges) -> Stage:
    """One thing on a table top, seen from all around from near."""
    rng = b.rng
    half, height = (float(rng.uniform(1.8, 3.0)), float(rng.uniform(1.8, 3.0))), 2.6
    light = walls(b, half, height)
    top = float(rng.uniform(0.4, 0.8))
    b.box(Frame(), (0, 0, top - 0.02), (0.7, 0.7, 0.02), b.material("wood"))
    furniture.legs(b, Frame(), 0.6, 0.6, top - 0.04, b.material("wood"))
    size = float(rng.uniform(0.09, 0.16))
    if rng.random() < 0.5:
        bust(b, Frame(0, 0, top, rng.uniform(0, 6.3)), size, b.material(str(rng.choice(["stone", "ceramic", "any"]))))
    else:
        for _ in range(int(rng.integers(3, 7))):
            furniture.trinket(b, Frame().at(*rng.normal(0, 0.12, 2), z=top, yaw=rng.uniform(0, 6.3)))
    for _ in range(int(rng.integers(2, 7))):
        furniture.trinket(b, Frame().at(*rng.uniform(-0.6, 0.6, 2), z=top, yaw=rng.uniform(0, 6.3)), most=0.2)
    targets = near(rng, []) * 0.1 + np.array([0, 0, top + size], np.float32)
    low, high = (-half[0] + 0.3, -half[1] + 0.3, top + 0.05), (half[0] - 0.3, half[1] - 0.3, height - 0.2)
    return Stage(light, targets, low, high, (0.55, 1.2), (top + 0.15, top + 0.9))
