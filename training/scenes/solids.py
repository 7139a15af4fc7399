"""Plain solids that stand, lie, lean and pile up, and a figure made of rounded ones."""

import numpy as np

from .builder import Builder, Frame
from .difficulty import Ranges
from .scene import BOX, CONE, Floats
from .stage import Plot, near


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
    return near(rng, [(x, y, z * 0.6) for x, y, z in tops])


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
