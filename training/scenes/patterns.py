"""Periodic pattern tiles drawn by rule; a tile's channels are the shares of three colours that a palette gives."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .atlas import SIDE

Shares = NDArray[np.float32]
Rng = np.random.Generator
Y, X = (axis.astype(np.float32) / SIDE for axis in np.mgrid[:SIDE, :SIDE])


def mix(one: NDArray, two: NDArray) -> NDArray[np.uint8]:
    """Three shares from two masks in 0..1: colour 1 over colour 0, then colour 2 over both."""
    one, two = np.clip(one, 0, 1), np.clip(two, 0, 1)
    shares = np.stack([(1 - one) * (1 - two), one * (1 - two), two], -1)
    return np.round(shares * 255).astype(np.uint8)


def fractal_noise(rng: Rng, falloff: float, lowest: float = 1.0, stretch: float = 1.0) -> Shares:
    """Periodic noise of mean 0.5: amplitudes 1/f^falloff from the frequency `lowest` on; stretch > 1: grain along x."""
    fy, fx = np.fft.fftfreq(SIDE, 1 / SIDE)[:, None], np.fft.rfftfreq(SIDE, 1 / SIDE)[None]
    frequency = np.hypot(fx * stretch, fy)
    amplitude = np.where(frequency >= lowest, np.maximum(frequency, 1.0) ** -falloff, 0.0)
    phase = np.exp(2j * np.pi * rng.random(amplitude.shape))
    noise = np.fft.irfft2(amplitude * phase * rng.rayleigh(1.0, amplitude.shape), s=(SIDE, SIDE))
    return np.clip(0.5 + 0.22 * noise / noise.std(), 0, 1).astype(np.float32)


def _soft(distance: NDArray, width: float) -> NDArray:
    """1 inside (distance < 0), 0 outside, a ramp of `width` tiles between."""
    return np.clip(0.5 - distance / width, 0, 1)


def _edge(position: NDArray, gap: float) -> NDArray:
    """1 within `gap` of a whole number, soft by a texel or two."""
    return _soft(np.abs(position - np.round(position)) - gap, 0.02)


def _cells(rng: Rng, rows: int, columns: int, offset: float) -> tuple[NDArray, NDArray, NDArray]:
    """Coordinates inside the cells of a bonded wall, and a random number for each cell's pixels."""
    v = Y * rows
    u = X * columns + offset * np.floor(v)
    cell = (np.floor(v) % rows).astype(int), (np.floor(u) % columns).astype(int)
    return u, v, rng.random((rows, columns))[cell]


def plain(rng: Rng) -> NDArray[np.uint8]:
    """Plaster or paint: hardly any pattern."""
    return mix(fractal_noise(rng, rng.uniform(0.8, 1.6)) * 0.5, 0.3 * fractal_noise(rng, 0.4))


def noise(rng: Rng) -> NDArray[np.uint8]:
    """Clouds of two scales: stone, soil, carpets."""
    falloff = rng.uniform(0.7, 1.7)
    sharp = rng.uniform(1.0, 3.0)
    one, two = fractal_noise(rng, falloff), fractal_noise(rng, falloff, lowest=rng.integers(1, 6))
    return mix((one - 0.5) * sharp + 0.5, (two - 0.62) * 2 * sharp)


def marble(rng: Rng) -> NDArray[np.uint8]:
    """Veins along the level lines of noise."""
    field = fractal_noise(rng, rng.uniform(2.0, 2.6))
    lines = np.abs(np.sin(field * rng.uniform(8, 20)))
    return mix(0.7 * (1 - lines) ** 2, _soft(lines - 0.12, 0.2))


def bricks(rng: Rng) -> NDArray[np.uint8]:
    """Bricks of unlike shades in mortar, every other course shifted."""
    rows = 2 * int(rng.integers(3, 7))
    columns = int(rng.integers(rows // 3, rows // 2 + 1)) or 1
    u, v, shade = _cells(rng, rows, columns, 0.5)
    gap = rng.uniform(0.02, 0.06)
    grain = fractal_noise(rng, 0.5) - 0.5
    return mix(shade + 0.6 * grain, np.maximum(_edge(u, gap * columns / rows), _edge(v, gap)))


def tiles(rng: Rng) -> NDArray[np.uint8]:
    """Square or long tiles with joints."""
    rows = int(rng.integers(2, 9))
    columns = rows if rng.random() < 0.7 else max(1, rows // 2)
    u, v, shade = _cells(rng, rows, columns, 0.0)
    gap = rng.uniform(0.01, 0.04)
    stain = fractal_noise(rng, 1.0) - 0.5
    return mix(rng.uniform(0.2, 1.0) * shade + 0.5 * stain, np.maximum(_edge(u, gap), _edge(v, gap)))


def planks(rng: Rng) -> NDArray[np.uint8]:
    """Boards along x with grain, unlike shades and dark joints."""
    rows = 2 * int(rng.integers(2, 6))
    u, v, shade = _cells(rng, rows, 1, 0.37)
    u = X + rng.random(rows)[(np.floor(v) % rows).astype(int)]
    grain = fractal_noise(rng, 0.9, stretch=rng.uniform(6, 14))
    return mix(0.6 * shade + 1.4 * (grain - 0.35), 0.9 * np.maximum(_edge(u, 0.004), _edge(v, 0.025)))


def wood(rng: Rng) -> NDArray[np.uint8]:
    """One board: rings drawn out along x."""
    field = fractal_noise(rng, 1.6, stretch=rng.uniform(4, 10))
    rings = 0.5 + 0.5 * np.sin(field * rng.uniform(20, 60))
    return mix(0.7 * rings, 0.5 * (fractal_noise(rng, 0.6, stretch=20.0) - 0.4))


def checks(rng: Rng) -> NDArray[np.uint8]:
    """A chequerboard, with or without joints, plain or with a second colour strewn in."""
    count = 2 * int(rng.integers(1, 5))
    u, v, shade = _cells(rng, count, count, 0.0)
    joint = np.maximum(_edge(u, 0.03), _edge(v, 0.03)) * (rng.random() < 0.5)
    return mix((np.floor(u) + np.floor(v)) % 2, np.maximum(joint, (shade < rng.choice([0.0, 0.2]))))


def stripes(rng: Rng) -> NDArray[np.uint8]:
    """Straight, wavy or zigzag stripes of three colours and unlike widths."""
    count, kind = int(rng.integers(1, 5)), rng.integers(3)
    bend = (0.0, 0.12 * np.sin(2 * np.pi * 2 * X), 0.25 * np.abs((X * 4) % 2 - 1))[kind]
    place = ((Y + bend) * count) % 1
    edges = np.sort(rng.random(6))
    band = np.searchsorted(edges, place) % 3
    return mix((band == 1) * 1.0, (band == 2) * 1.0)


def dots(rng: Rng) -> NDArray[np.uint8]:
    """Discs in a bonded lattice, some of another colour."""
    count = 2 * int(rng.integers(1, 5))
    u, v, shade = _cells(rng, count, count, 0.5)
    distance = np.hypot(u % 1 - 0.5, v % 1 - 0.5) - rng.uniform(0.2, 0.42)
    inside = _soft(distance, 0.05)
    return mix(inside * (shade > 0.35), inside * (shade <= 0.35))


def diamonds(rng: Rng) -> NDArray[np.uint8]:
    """Nested rhombs, as on woven rugs and wallpapers."""
    count = int(rng.integers(2, 6))
    u, v, shade = _cells(rng, count, count, 0.0)
    ring = np.abs(u % 1 - 0.5) + np.abs(v % 1 - 0.5) + 0.12 * shade
    steps = np.floor(ring * rng.uniform(4, 9)) % 3
    return mix((steps == 1) * 1.0, (steps == 2) * 1.0)


def stones(rng: Rng) -> NDArray[np.uint8]:
    """Rubble: cells around scattered points, each of its own shade, with gaps."""
    count = int(rng.integers(12, 60))
    seeds, shades = rng.random((count, 2)).astype(np.float32), rng.random(count)
    away = np.abs(np.stack([X, Y], -1)[:, :, None] - seeds)
    distance = np.hypot(*np.moveaxis(np.minimum(away, 1 - away), -1, 0))
    order = np.argpartition(distance, 1, axis=-1)[..., :2]
    near = np.sort(np.take_along_axis(distance, order, -1), -1)
    cell = np.argmin(distance, -1)
    gap = _soft((near[..., 1] - near[..., 0]) - 0.03, 0.02)
    return mix(shades[cell] + 0.8 * (fractal_noise(rng, 0.8) - 0.5), gap)


def weave(rng: Rng) -> NDArray[np.uint8]:
    """Cloth: threads over and under, with a coarser check of colours."""
    count = 2 * int(rng.integers(8, 20))
    u, v = X * count, Y * count
    over = (np.floor(u) + np.floor(v)) % 2
    thread = np.where(over > 0, np.sin(np.pi * (u % 1)), np.sin(np.pi * (v % 1)))
    bands = (np.sin(2 * np.pi * X * int(rng.integers(1, 4))) > 0.3) * 0.6
    return mix(np.maximum(bands, (np.sin(2 * np.pi * Y * 2) > 0.4) * 0.6), 0.6 * (1 - thread))


def leaves(rng: Rng) -> NDArray[np.uint8]:
    """Many small ovals over each other: foliage, pebbles, flowery wallpaper."""
    one, two = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    longest = rng.uniform(0.03, 0.12)
    for _ in range(int(5 / longest)):
        x, y = ((axis - rng.random() + 0.5) % 1 - 0.5 for axis in (X, Y))
        angle, length, ratio = rng.uniform(0, np.pi), longest * rng.uniform(0.5, 1), rng.uniform(1.2, 3.5)
        a, b = x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) * ratio
        inside = np.hypot(a, b) < length
        one[inside], two[inside] = rng.random(2) * (1, 0.8)
    return mix(one, two)


def rug(rng: Rng) -> NDArray[np.uint8]:
    """A whole rug: borders around a field of rhombs or chevrons; not periodic, made to fit a face once."""
    inset = np.minimum(np.minimum(X, 1 - X), np.minimum(Y, 1 - Y))
    count = int(rng.integers(3, 8))
    u, v, shade = _cells(rng, count, count, 0.5 * rng.integers(2))
    ring = np.abs(u % 1 - 0.5) + np.abs(v % 1 - 0.5)
    field = np.floor((ring + 0.4 * shade) * rng.uniform(3, 6)) % 3
    teeth = np.floor(np.abs((np.where(inset == np.minimum(X, 1 - X), Y, X) * 16) % 1 - 0.5) + inset * 16) % 3
    border = np.floor(inset * 50) % 3
    wide = rng.uniform(0.08, 0.16)
    band = np.where(inset > wide, field, np.where((inset > wide * 0.3) & (inset < wide * 0.8), teeth, border))
    return mix((band == 1) * 1.0, (band == 2) * 1.0)


def books(rng: Rng) -> NDArray[np.uint8]:
    """Two rows of book backs of unlike widths and heights with labels; fits a face or goes round."""
    one, two = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    for row in (0, SIDE // 2):
        x = 0
        while x < SIDE:
            width = int(rng.integers(8, 26))
            tall = int(rng.integers(int(0.32 * SIDE), int(0.48 * SIDE)))
            one[row : row + tall, x : x + width - 1] = rng.random()
            two[row : row + tall, x : x + width - 1] = rng.random() * 0.9 * (rng.random() < 0.5)
            low = row + int(rng.integers(10, 40))
            one[low : low + 12, x + 2 : x + width - 3] = rng.random()
            two[row + tall : row + SIDE // 2, x : x + width] = 0.0
            x += width
    return mix(one, two)


FAMILIES: dict[str, tuple[Callable[[Rng], NDArray[np.uint8]], int]] = {
    "plain": (plain, 4),
    "noise": (noise, 12),
    "marble": (marble, 8),
    "bricks": (bricks, 8),
    "tiles": (tiles, 10),
    "planks": (planks, 8),
    "wood": (wood, 8),
    "checks": (checks, 6),
    "stripes": (stripes, 12),
    "dots": (dots, 6),
    "diamonds": (diamonds, 8),
    "stones": (stones, 8),
    "weave": (weave, 6),
    "leaves": (leaves, 10),
    "rug": (rug, 12),
    "books": (books, 6),
}  # family -> how a tile is drawn, how many there are
