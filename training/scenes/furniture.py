"""Assemblies of a furnished room. Each function builds one thing on z = 0 of its frame, its front towards -y."""

from itertools import pairwise

import numpy as np

from .builder import Builder, Frame
from .scene import BOX, CONE, ELLIPSOID

UP = (0.0, 0.0, 1.0)


def table(b: Builder, f: Frame) -> float:
    """A table, desk or coffee table with what lies on it. Returns the radius it needs."""
    rng = b.rng
    hx, hy, top = (
        rng.uniform(0.35, 0.9),
        rng.uniform(0.25, 0.5),
        rng.choice((rng.uniform(0.35, 0.5), rng.uniform(0.68, 0.8))),
    )
    wood, thick = b.material("wood"), rng.uniform(0.015, 0.035)
    if rng.random() < 0.25:
        b.tube(f, (0, 0, top - thick), hx * 0.8, thick, wood)
        b.tube(f, (0, 0, top / 2 - thick), 0.05, top / 2 - thick, wood)
        b.tube(f, (0, 0, 0.02), hx * 0.45, 0.02, wood, taper=0.7)
        hx = hy = hx * 0.56
    else:
        b.box(f, (0, 0, top - thick), (hx, hy, thick), wood)
        legs(b, f, hx - 0.05, hy - 0.05, top - 2 * thick, wood)
        if rng.random() < 0.4:
            b.box(f, (0, 0, top * 0.35), (hx - 0.06, hy - 0.06, 0.012), wood)
    for _ in range(int(rng.integers(1, 6))):
        trinket(b, f.at(rng.uniform(-0.8, 0.8) * hx, rng.uniform(-0.75, 0.75) * hy, top, rng.uniform(0, 6.3)))
    return float(np.hypot(hx, hy))


def legs(b: Builder, f: Frame, hx: float, hy: float, height: float, material: int) -> None:
    """Four legs, square or round."""
    thick, taper = b.rng.uniform(0.02, 0.04), b.rng.uniform(1.0, 1.0)
    square = b.rng.random() < 0.6
    for x in (-hx, hx):
        for y in (-hy, hy):
            if square:
                b.box(f, (x, y, height / 2), (thick, thick, height / 2), material)
            else:
                b.tube(f, (x, y, height / 2), thick, height / 2, material, taper=taper)


def chair(b: Builder, f: Frame) -> float:
    """A chair with a back of slats or a board, perhaps a cushion."""
    rng = b.rng
    half, seat, back = rng.uniform(0.18, 0.24), rng.uniform(0.4, 0.5), rng.uniform(0.35, 0.55)
    wood = b.material("wood")
    b.box(f, (0, 0, seat - 0.02), (half, half, 0.02), wood)
    legs(b, f, half - 0.03, half - 0.03, seat - 0.04, wood)
    for x in (-half + 0.025, half - 0.025):
        b.box(f, (x, half - 0.025, seat + back / 2), (0.02, 0.02, back / 2), wood)
    if rng.random() < 0.5:
        for z in np.linspace(0.35, 0.92, int(rng.integers(2, 5))):
            b.box(f, (0, half - 0.025, seat + back * z), (half - 0.03, 0.012, 0.025), wood)
    else:
        b.box(f, (0, half - 0.025, seat + back * 0.65), (half - 0.03, 0.015, back * 0.3), b.material("cloth"))
    if rng.random() < 0.6:
        b.ball(f, (0, 0, seat + 0.02), (half * 0.95, half * 0.95, 0.045), b.material("cloth"))
    return half * 1.5


def sofa(b: Builder, f: Frame) -> float:
    """A sofa or armchair with cushions."""
    rng = b.rng
    hx, hy, seat = rng.choice((0.45, rng.uniform(0.7, 1.1))), rng.uniform(0.38, 0.45), rng.uniform(0.36, 0.45)
    cloth, back, arm = b.material("cloth"), rng.uniform(0.3, 0.5), rng.uniform(0.12, 0.25)
    b.box(f, (0, 0, seat / 2 + 0.04), (hx, hy, seat / 2 - 0.04), cloth)
    b.box(f, (0, hy - 0.1, seat + back / 2), (hx - 0.01, 0.1, back / 2), cloth, tilt=(-0.1, 0, 0))
    for x in (-hx + 0.07, hx - 0.07):
        b.box(f, (x, -0.04, seat + arm / 2), (0.07, hy - 0.04, arm / 2), cloth)
    legs(b, f, hx - 0.08, hy - 0.08, 0.08, b.material("wood"))
    for _ in range(int(rng.integers(0, 4))):
        tilt = (-0.35 + rng.normal(0, 0.1), rng.normal(0, 0.2), 0)
        b.box(
            f,
            (rng.uniform(-0.8, 0.8) * (hx - 0.3), hy - 0.3, seat + 0.2),
            (0.2, 0.06, 0.19),
            b.material("cloth"),
            tilt=tilt,
        )
    return float(np.hypot(hx, hy))


def shelf(b: Builder, f: Frame) -> float:
    """A bookcase: boards, and books, boxes and pots on them."""
    rng = b.rng
    hx, hy, height, floors = (
        rng.uniform(0.35, 0.6),
        rng.uniform(0.13, 0.2),
        rng.uniform(0.9, 2.1),
        int(rng.integers(3, 6)),
    )
    wood, thick = b.material("wood"), 0.012
    for x in (-hx, hx):
        b.box(f, (x, 0, height / 2), (thick, hy, height / 2 + 0.004), wood)
    b.box(f, (0, hy - 0.01, height / 2), (hx, 0.008, height / 2 - 0.005), wood)
    levels = np.linspace(0.05, height - thick, floors + 1)
    for z in levels:
        b.box(f, (0, 0, z), (hx, hy, thick), wood)
    for z, above in pairwise(levels):
        _fill_shelf(b, f, hx, z + thick, above - z - 2 * thick, hy)
    if rng.random() < 0.5:
        trinket(b, f.at(rng.uniform(-0.6, 0.6) * hx, 0, height, 0))
    return float(np.hypot(hx, hy))


def _fill_shelf(b: Builder, f: Frame, hx: float, z: float, room: float, hy: float) -> None:
    """One board's worth: rows of books (one box with painted backs), single leaning books, trinkets."""
    rng, x = b.rng, -hx + 0.03
    while x < hx - 0.12:
        kind, width = rng.random(), rng.uniform(0.1, min(0.6, hx - x))
        if kind < 0.6 and x + width < hx:
            tall = room * rng.uniform(0.6, 0.92)
            b.box(f, (x + width / 2, -0.02, z + tall / 2), (width / 2, hy * 0.75, tall / 2), b.material("books"))
        elif kind < 0.85 and x + 0.2 < hx and room > 0.2:
            trinket(b, f.at(x + 0.1, 0, z, rng.uniform(0, 6.3)), most=room * 0.8)
            width = 0.2
        x += width + rng.uniform(0, 0.1)


def cupboard(b: Builder, f: Frame) -> float:
    """A sideboard or wardrobe: a body with doors or drawers and knobs."""
    rng = b.rng
    hx, hy, height = (
        rng.uniform(0.4, 0.9),
        rng.uniform(0.2, 0.3),
        rng.choice((rng.uniform(0.5, 0.9), rng.uniform(1.6, 2.1))),
    )
    wood, front, metal = b.material("wood"), b.material("wood"), b.material("metal")
    b.box(f, (0, 0, height / 2 + 0.04), (hx, hy, height / 2 - 0.04), wood)
    columns = int(rng.integers(1, 4))
    rows = int(rng.integers(1, 4)) if height < 1 else int(rng.integers(1, 3))
    for i in range(columns):
        for j in range(rows):
            x, z = hx * ((2 * i + 1) / columns - 1), 0.08 + (height - 0.08) * (j + 0.5) / rows
            b.box(f, (x, -hy, z), (hx / columns - 0.015, 0.015, (height - 0.08) / rows / 2 - 0.015), front)
            b.ball(f, (x + hx / columns * 0.6, -hy - 0.025, z), (0.02, 0.02, 0.02), metal)
    if height < 1:
        for _ in range(int(rng.integers(0, 4))):
            trinket(b, f.at(rng.uniform(-0.8, 0.8) * hx, 0, height, rng.uniform(0, 6.3)))
    return float(np.hypot(hx, hy))


def bed(b: Builder, f: Frame) -> float:
    """A bed with head board, blanket and pillows."""
    rng = b.rng
    hx, wood = rng.uniform(0.45, 0.85), b.material("wood")
    b.box(f, (0, 0, 0.2), (hx, 1.0, 0.08), wood)
    legs(b, f, hx - 0.05, 0.94, 0.12, wood)
    b.box(f, (0, 1.0, 0.45), (hx, 0.03, 0.4), wood)
    b.box(f, (0, 0, 0.36), (hx - 0.03, 0.97, 0.09), b.material("cloth"))
    b.box(f, (0, -0.3, 0.4), (hx + 0.01, 0.69, 0.075), b.material("cloth"))
    for x in (-hx / 2, hx / 2):
        b.ball(f, (x, 0.72, 0.49), (hx * 0.42, 0.2, 0.08), b.material("cloth"))
    return float(np.hypot(hx, 1.0))


def floor_lamp(b: Builder, f: Frame) -> float:
    """A lamp on a pole with a shade open at both ends."""
    rng = b.rng
    height, radius, metal = rng.uniform(1.2, 1.7), rng.uniform(0.14, 0.24), b.material("metal")
    b.tube(f, (0, 0, 0.015), 0.14, 0.015, metal)
    b.tube(f, (0, 0, height / 2), 0.012, height / 2, metal)
    shade = b.tube(f, (0, 0, height), radius, 0.14, b.material("cloth"), taper=0.65)
    b.cut(shade, CONE, f, (0, 0, height), (radius * 0.95, radius * 0.95, 0.15), taper=0.65)
    return 0.25


def plant(b: Builder, f: Frame) -> float:
    """A pot with stems and leaves."""
    rng = b.rng
    radius, rise, height = rng.uniform(0.1, 0.2), rng.uniform(0.1, 0.2), rng.uniform(0.4, 1.2)
    pot = b.tube(f, (0, 0, rise), radius, rise, b.material("ceramic"), tilt=(np.pi, 0, 0), taper=0.75)
    b.cut(pot, CONE, f, (0, 0, 2 * rise), (radius * 0.88, radius * 0.88, rise * 0.5))
    green, stem = b.material("foliage"), b.material("bark")
    b.tube(f, (0, 0, rise + height / 2), 0.015, height / 2, stem, taper=0.6)
    for _ in range(int(rng.integers(6, 18))):
        turn, lean, size = rng.uniform(0, 6.3), rng.uniform(0.2, 1.2), rng.uniform(0.1, 0.24)
        z = 2 * rise + height * rng.uniform(0.15, 0.9)
        reach = size * np.sin(lean) + 0.02
        leaf = f.at(0, 0, z, turn)
        b.ball(
            leaf, (reach, 0, size * np.cos(lean)), (size * 0.3, 0.008, size), green, tilt=(0, lean, 0), yaw=np.pi / 2
        )
    return 0.35


def pouf(b: Builder, f: Frame) -> float:
    """A stool, drum or round seat."""
    rng = b.rng
    radius, rise = rng.uniform(0.2, 0.35), rng.uniform(0.15, 0.25)
    if rng.random() < 0.5:
        b.ball(f, (0, 0, rise), (radius, radius, rise), b.material("cloth"))
    else:
        b.tube(f, (0, 0, rise), radius, rise, b.material("cloth"), taper=rng.uniform(0.8, 1.0))
    return radius


def ball(b: Builder, f: Frame) -> float:
    """A ball with coloured panels."""
    radius = b.rng.uniform(0.1, 0.28)
    tilt = tuple(b.rng.normal(0, 1, 3))
    b.ball(f, (0, 0, radius), (radius,) * 3, b.material("ceramic"), tilt=tilt)
    return radius


def boxes(b: Builder, f: Frame) -> float:
    """A stack of boxes, cases or big books, each turned a little."""
    rng, z = b.rng, 0.0
    hx, hy = rng.uniform(0.12, 0.35), rng.uniform(0.12, 0.3)
    reach = float(np.hypot(hx, hy))
    for _ in range(int(rng.integers(1, 5))):
        hz = rng.uniform(0.04, 0.18)
        b.box(f, (0, 0, z + hz), (hx, hy, hz), b.material("any"), yaw=rng.normal(0, 0.25))
        hx, hy, z = hx * rng.uniform(0.75, 1.0), hy * rng.uniform(0.75, 1.0), z + 2 * hz
    if rng.random() < 0.4:
        trinket(b, f.at(0, 0, z))
    return reach


def crate(b: Builder, f: Frame) -> float:
    """An open crate or basket with a thing in it."""
    rng = b.rng
    half, rise = rng.uniform(0.15, 0.3, 2), rng.uniform(0.12, 0.25)
    if rng.random() < 0.5:
        body = b.box(f, (0, 0, rise), (*half, rise), b.material("wood"))
        b.cut(body, BOX, f, (0, 0, rise + 0.05), (*(half - 0.02), rise))
    else:
        half = half[:1].repeat(2)
        body = b.tube(f, (0, 0, rise), half[0], rise, b.material("cloth"))
        b.cut(body, CONE, f, (0, 0, rise + 0.05), (half[0] - 0.02, half[0] - 0.02, rise))
    size = min(*half, rise) * 0.6
    b.ball(f, (0, 0, 0.05 + size), (size, size, size), b.material("any"))
    return float(np.hypot(*half))


def trinket(b: Builder, f: Frame, most: float = 0.45) -> None:
    """A small thing: vase, bowl, cup, book, box, ball, picture, table lamp."""
    rng = b.rng
    kind, size = rng.integers(8), min(most / 2, rng.uniform(0.06, 0.2))
    if kind == 0:
        b.ball(f, (0, 0, size * 0.75), (size * 0.55, size * 0.55, size * 0.75), b.material("ceramic"))
        b.tube(f, (0, 0, size * 1.6), size * 0.28, size * 0.35, b.material("ceramic"), taper=1.0)
    elif kind == 1:
        bowl = b.ball(f, (0, 0, size), (size, size, size * 0.98), b.material("ceramic"))
        b.cut(bowl, ELLIPSOID, f, (0, 0, size * 1.35), (size * 1.02, size * 1.02, size * 1.2))
    elif kind == 2:
        cup = b.tube(f, (0, 0, size * 0.6), size * 0.4, size * 0.6, b.material("ceramic"))
        b.cut(cup, CONE, f, (0, 0, size * 0.7), (size * 0.34, size * 0.34, size * 0.6))
    elif kind == 3:
        b.box(f, (0, 0, size * 0.15), (size * 0.8, size * 0.55, size * 0.15), b.material("print"))
        b.box(
            f, (0, 0, size * 0.42), (size * 0.6, size * 0.45, size * 0.12), b.material("print"), yaw=rng.normal(0, 0.4)
        )
    elif kind == 4:
        b.box(f, (0, 0, size * 0.5), (size * 0.5, size * 0.4, size * 0.5), b.material("any"))
    elif kind == 5:
        b.ball(f, (0, 0, size * 0.5), (size * 0.5,) * 3, b.material("any"), tilt=tuple(rng.normal(0, 1, 3)))
    elif kind == 6:
        b.box(f, (0, 0, size), (size * 0.8, 0.008, size), b.material("print"), tilt=(-0.15, 0, 0))
    else:
        b.ball(f, (0, 0, size * 0.4), (size * 0.4, size * 0.4, size * 0.4), b.material("ceramic"))
        b.tube(f, (0, 0, size * 1.3), size * 0.6, size * 0.5, b.material("cloth"), taper=0.6)


# Those that stand with their back to a wall, and those that stand about.
ALONG_WALLS = (shelf, cupboard, sofa, bed, shelf, cupboard, sofa, plant, floor_lamp, chair, table)
ABOUT = (table, table, chair, chair, sofa, pouf, ball, boxes, crate, plant, floor_lamp)
