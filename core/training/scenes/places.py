"""Where things stand: rooms with openings, plains and hills with trees and buildings, single things seen from near."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import furniture
from .builder import Builder, Frame, Light
from .difficulty import Ranges
from .patterns import SIDE, fractal_noise
from .scene import BOX, CONE, Floats

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Stage:
    """What cameras need to know of a place."""

    light: Light
    targets: Floats  # (T, 3), points worth looking at
    low: tuple[float, float, float]  # the box that cameras stay in
    high: tuple[float, float, float]
    distance: tuple[float, float]  # from camera to the point looked at, metres
    lift: tuple[float, float]  # camera heights over the ground, metres


@dataclass
class Plot:
    """Free ground: keeps things from standing in each other."""

    rng: Rng
    taken: list[tuple[float, float, float]]

    def find(self, radius: float, half: tuple[float, float], tries: int = 12) -> tuple[float, float] | None:
        """A free place for a thing of this radius within [-half, half], or None."""
        for _ in range(tries):
            x, y = (float(self.rng.uniform(-h + radius, h - radius)) if h > radius else 0.0 for h in half)
            if all(np.hypot(x - a, y - b) > radius + r for a, b, r in self.taken):
                self.taken.append((x, y, radius))
                return x, y
        return None


def make_stage(b: Builder, ranges: Ranges) -> Stage:
    """Build one place, of a kind drawn by the ranges' shares."""
    rng = b.rng
    if rng.random() < ranges.close:
        return close_up(b, ranges)
    outdoor, furnished = rng.random() < ranges.outdoor, rng.random() < ranges.furnished
    if outdoor:
        return countryside(b, ranges) if furnished else plain_ground(b, ranges)
    return furnished_room(b, ranges) if furnished else plain_room(b, ranges)


# --- indoors -----------------------------------------------------------------------------------------------------


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
    b.box(frame, (x, -0.12, z - h - 0.02), (w + 0.06, 0.06, 0.02), paint)


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
    return Light(lights, np.stack([fill, fill * rng.uniform(0.5, 0.9)]), _sky(rng))


def sun(rng: Rng, power: float, lowest: float) -> tuple[float, ...]:
    """A row of Scene.lights: a direction at least `lowest` steep, a warm white."""
    x, y = rng.normal(0, 1, 2)
    direction = np.array([x, y, rng.uniform(lowest, 2.0)])
    direction /= np.linalg.norm(direction)
    return (*direction, 0.0, *(power * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.65, 0.95)])))


def _sky(rng: Rng) -> Floats:
    grey = rng.random()
    zenith = np.array([0.15, 0.32, 0.75]) * (1 - grey) + grey * 0.6
    return np.stack([zenith, np.array([0.65, 0.75, 0.85])]) * rng.uniform(0.7, 1.1)


def furnished_room(b: Builder, ranges: Ranges) -> Stage:
    """A living room, bedroom, study or kitchen: furniture along the walls and about, rugs."""
    rng = b.rng
    half, height = (float(rng.uniform(1.8, 3.6)), float(rng.uniform(1.8, 3.2))), float(rng.uniform(2.3, 3.0))
    light, plot, targets = walls(b, half, height), Plot(rng, []), []
    for _ in range(int(rng.integers(0, 3))):
        w, h = rng.uniform(0.6, 1.6), rng.uniform(0.5, 1.1)
        spot = rng.uniform(-0.4, 0.4, 2) * half
        b.box(Frame(*spot, yaw=rng.choice((0.0, rng.normal(0, 0.3)))), (0, 0, 0.006), (w, h, 0.006), b.material("rug"))
    wanted = int(rng.uniform(*ranges.objects) * 0.8) + 2
    for number in range(wanted):
        if number < wanted * 0.55:
            spot = _along_wall(b, plot, half)
        else:
            make = _pick(rng, furniture.ABOUT)
            spot = _about(b, plot, (half[0] - 0.4, half[1] - 0.4), make, 0.55)
        if spot is not None:
            targets.append(spot)
    inside = 0.35
    return Stage(
        light, _targets(rng, targets), (-half[0] + inside, -half[1] + inside, 0.4),
        (half[0] - inside, half[1] - inside, height - 0.25), (0.8, 1.6 * max(half)), (0.8, 1.9),
    )  # fmt: skip


def _pick(rng: Rng, choices: tuple) -> Callable[[Builder, Frame], float]:
    return choices[rng.integers(len(choices))]


def _along_wall(b: Builder, plot: Plot, half: tuple[float, float]) -> tuple[float, float, float] | None:
    """Furniture with its back to a wall, where the wall is free."""
    rng, make = b.rng, _pick(b.rng, furniture.ALONG_WALLS)
    need, back = {furniture.bed: (0.9, 1.05), furniture.sofa: (0.95, 0.46), furniture.shelf: (0.6, 0.22)}.get(
        make, (0.75, 0.35)
    )
    side = int(rng.integers(4))
    depth, width = ((half[1], half[0]), (half[0], half[1]))[side % 2]
    for _ in range(6):
        frame = Frame(yaw=side * np.pi / 2).at(rng.uniform(-1, 1) * (width - need), depth - back - 0.03)
        if all(np.hypot(frame.x - x, frame.y - y) > need + r for x, y, r in plot.taken):
            plot.taken.append((frame.x, frame.y, need))
            make(b, frame)
            return frame.x, frame.y, 0.6
    return None


def _about(
    b: Builder, plot: Plot, half: tuple[float, float], make: Callable[[Builder, Frame], float], radius: float
) -> tuple[float, float, float] | None:
    spot = plot.find(radius, half)
    if spot is None:
        return None
    make(b, Frame(*spot, b.ground_height(*spot), b.rng.uniform(0, 2 * np.pi)))
    return *spot, b.ground_height(*spot) + 0.4


def _targets(rng: Rng, spots: list) -> Floats:
    if not spots:
        spots = [(0.0, 0.0, 0.5)]
    return np.array(spots, np.float32) + rng.normal(0, 0.1, (len(spots), 3)).astype(np.float32)


def plain_room(b: Builder, ranges: Ranges) -> Stage:
    """A room with loose solids in it."""
    rng = b.rng
    half, height = (float(rng.uniform(2.0, 3.6)), float(rng.uniform(2.0, 3.6))), float(rng.uniform(2.4, 3.6))
    light = walls(b, half, height)
    targets = loose_solids(b, ranges, (half[0] * 0.55, half[1] * 0.55))
    low, high = (-half[0] + 0.2, -half[1] + 0.2, 0.3), (half[0] - 0.2, half[1] - 0.2, height - 0.2)
    return Stage(light, targets, low, high, (1.3, 1.1 * max(half)), (0.6, 1.9))


# --- loose solids ------------------------------------------------------------------------------------------------


def loose_solids(b: Builder, ranges: Ranges, half: tuple[float, float]) -> Floats:
    """Boxes, ellipsoids, cylinders, cones and hollow ones; stacked, some leaning. Returns points to look at."""
    rng, plot, tops = b.rng, Plot(b.rng, []), []
    for _ in range(int(rng.uniform(*ranges.objects))):
        size = np.exp(rng.uniform(np.log(0.15), np.log(0.6), 3))
        if tops and rng.random() < 0.25:
            x, y, z = tops[rng.integers(len(tops))]
            x, y = x + rng.normal(0, 0.05), y + rng.normal(0, 0.05)
            size *= 0.7
        else:
            spot = plot.find(float(np.hypot(*size[:2])) * 0.8, half)
            if spot is None:
                continue
            (x, y), z = spot, b.ground_height(*spot)
        tops.append((x, y, z + solid(b, Frame(x, y, z, rng.uniform(0, 6.3)), size, rng.random() < ranges.tilted)))
    return _targets(rng, [(x, y, z * 0.6) for x, y, z in tops])


def solid(b: Builder, f: Frame, size: np.ndarray, leans: bool) -> float:
    """One solid of any shape on z = 0. Returns its height."""
    rng, kind, (hx, hy, hz) = b.rng, b.rng.random(), size
    tilt = tuple(rng.normal(0, 0.35, 3)) if leans else (0.0, 0.0, 0.0)
    lift = 0.15 * max(size) if leans else 0.0
    material = b.material("any")
    if kind < 0.5:
        body = b.box(f, (0, 0, hz + lift), (hx, hy, hz), material, tilt=tilt)
        if rng.random() < 0.2:
            hollow = rng.uniform(0.5, 0.85, 2) * (hx, hz)
            b.cut(body, BOX, f, (0, 0, hz + lift), (hollow[0], hy * 2, hollow[1]), tilt=tilt)
    elif kind < 0.72:
        b.ball(f, (0, 0, hz + lift), (hx, hy, hz), material, tilt=tilt)
    else:
        taper = float(rng.choice((1.0, rng.uniform(0.0, 0.9))))
        body = b.tube(f, (0, 0, hz + lift), hx, hz, material, taper=taper, tilt=tilt)
        if rng.random() < 0.25:
            b.cut(body, CONE, f, (0, 0, hz + lift), (hx * 0.8, hx * 0.8, hz * 1.01), taper=taper, tilt=tilt)
    return 2 * hz + lift


# --- outdoors ----------------------------------------------------------------------------------------------------


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
    sky = _sky(rng)
    cloudy = rng.random()
    fill = sky.mean(0) * rng.uniform(0.35, 0.6) * (1 + 0.5 * cloudy)
    lights = [sun(rng, rng.uniform(0.8, 1.4) * (1 - 0.7 * cloudy), lowest=0.3)]
    haze = float(rng.choice((0.0, rng.uniform(0.0, 0.03))))
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
        make = _pick(rng, things)
        spot = _about(b, plot, (extent, extent), make, 1.9 if make is house else 0.8)
        if spot is not None:
            targets.append((spot[0], spot[1], spot[2] + rng.uniform(0, 0.8)))
    reach = 3 * extent
    return Stage(
        _daylight(rng),
        _targets(rng, targets),
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
        body = b.box(frame, (0, 0, height / 2 - 0.2), (width - 0.002 * side, thick, height / 2 + 0.2), wall)
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


def bust(b: Builder, f: Frame, size: float, material: int) -> None:
    """Shoulders, neck, head with nose, ears, eyes and curls."""
    rng = b.rng
    b.ball(f, (0, 0, 0.3 * size), (1.0 * size, 0.55 * size, 0.6 * size), material)
    b.tube(f, (0, 0, 1.0 * size), 0.28 * size, 0.3 * size, material, taper=0.9)
    head = f.at(0, 0, 1.75 * size)
    b.ball(head, (0, 0, 0), (0.5 * size, 0.58 * size, 0.7 * size), material)
    b.ball(head, (0, -0.58 * size, -0.08 * size), (0.1 * size, 0.14 * size, 0.2 * size), material)
    for x in (-1, 1):
        b.ball(head, (x * 0.5 * size, 0, -0.05 * size), (0.07 * size, 0.15 * size, 0.24 * size), material)
        b.ball(head, (x * 0.2 * size, -0.5 * size, 0.1 * size), (0.1 * size, 0.07 * size, 0.06 * size), material)
    for _ in range(int(rng.integers(6, 28))):
        turn, lift = rng.uniform(-0.2, np.pi + 0.2), rng.uniform(0.2, 1.4)
        x, y, z = np.cos(turn) * np.cos(lift), np.sin(turn) * np.cos(lift), np.sin(lift)
        curl = size * rng.uniform(0.07, 0.14)
        b.ball(head, (0.5 * size * x, 0.58 * size * y, 0.7 * size * z), (curl,) * 3, material)


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
            furniture.trinket(b, Frame(*rng.normal(0, 0.12, 2), top, rng.uniform(0, 6.3)))
    for _ in range(int(rng.integers(2, 7))):
        furniture.trinket(b, Frame(*rng.uniform(-0.6, 0.6, 2), top, rng.uniform(0, 6.3)), most=0.2)
    targets = _targets(rng, []) * 0.1 + np.array([0, 0, top + size], np.float32)
    low, high = (-half[0] + 0.3, -half[1] + 0.3, top + 0.05), (half[0] - 0.3, half[1] - 0.3, height - 0.2)
    return Stage(light, targets, low, high, (0.55, 1.2), (top + 0.15, top + 0.9))
