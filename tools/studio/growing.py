"""Parts in numbers that no table should list: leaves, stems, books, a blanket. Every draw comes from a given seed."""

import math
from typing import Any

import numpy as np

from studio.shapes import Box, Shape, Sheet, Vector3, rod


def leaf_sheet(length: float, width: float, droop: float, fold: float) -> Any:
    """A leaf from the origin along +x, (rows, columns, 3): bent down by `droop` and folded along its middle."""
    along, across = np.meshgrid(np.linspace(0, 1, 9), np.linspace(-1, 1, 7), indexing="ij")
    half = width / 2 * np.sin(math.pi * along**0.8) ** 0.75
    rise = fold * np.abs(across) * half - droop * length * along**2
    return np.stack([length * along, half * across, rise], axis=-1)


def potted_plant(base: float, height: float, leaves: int, seed: int) -> tuple[Shape, ...]:
    """A stem with broad leaves in a spiral; base: height of the soil."""
    random = np.random.default_rng(seed)
    parts: list[Shape] = [
        rod(0.016, height, (0, 0, base), "stem", (2, -3, 0)),
        rod(0.013, 0.7 * height, (0, 0, base), "stem", (-9, 7, 0)),
    ]
    for k in range(leaves):
        share = 0.18 + 0.82 * k / leaves
        lean = (2, -3) if k % 3 else (-9, 7)
        reach = height * share * (1.0 if k % 3 else 0.7)
        at = (reach * math.sin(math.radians(lean[1])), -reach * math.sin(math.radians(lean[0])), base + reach)
        sheet = leaf_sheet(random.uniform(0.3, 0.44), random.uniform(0.14, 0.2), random.uniform(0.25, 0.6), 0.35)
        turn = (random.normal(0, 10), random.uniform(-55, -20), 137.5 * k + random.normal(0, 12))
        parts.append(Sheet(sheet, at, "leaf", turn))
    return tuple(parts)


def bouquet(height: float, stems: int, seed: int) -> tuple[Shape, ...]:
    """Leafy twigs that fan out of a vase; height: of the vase's mouth."""
    random = np.random.default_rng(seed)
    parts: list[Shape] = []
    for k in range(stems):
        tilt, heading = random.uniform(6, 34), 360 * k / stems + random.normal(0, 10)
        length = random.uniform(0.24, 0.4)
        parts.append(rod(0.003, length, (0, 0, height - 0.04), "stem", (0, tilt, heading)))
        for share in np.linspace(0.3, 1.0, 7):
            at = _along(length * share, tilt, heading, height - 0.04)
            sheet = leaf_sheet(random.uniform(0.06, 0.085), random.uniform(0.035, 0.05), 0.3, 0.2)
            turn = (random.normal(0, 15), random.uniform(-60, 10), random.uniform(0, 360))
            parts.append(Sheet(sheet, at, "pale leaf", turn))
    return tuple(parts)


def _along(distance: float, tilt: float, heading: float, base: float) -> Vector3:
    """The point that far up a stem which leans by `tilt` degrees towards `heading`."""
    sideways = distance * math.sin(math.radians(tilt))
    angle = math.radians(heading)
    return sideways * math.cos(angle), sideways * math.sin(angle), base + distance * math.cos(math.radians(tilt))


def books_in_a_row(start: float, end: float, shelf: float, seed: int) -> tuple[Shape, ...]:
    """Books of many sizes standing on a shelf between two positions along x; the last ones lean."""
    random = np.random.default_rng(seed)
    parts: list[Shape] = []
    x = start
    while x < end - 0.05:
        thickness, height, depth = random.uniform(0.018, 0.05), random.uniform(0.2, 0.32), random.uniform(0.15, 0.22)
        lean = 9.0 if x + 0.1 > end - 0.05 and random.random() < 0.8 else 0.0
        at = (x + thickness / 2 + height / 2 * math.sin(math.radians(lean)), -0.03, shelf + height / 2)
        parts.append(Box((thickness, depth, height), at, "book", 0.003, (0, lean, 0)))
        x += thickness + 0.002
    return tuple(parts)


def draped(size: Vector3, at: Vector3, material: str) -> Sheet:
    """A blanket over an arm along y; size: length hanging down in all, width of the arm, extent along y."""
    length, arm, width = size
    along, across = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-0.5, 0.5, 25), indexing="ij")
    reach = along * (length + arm) / 2
    over = np.clip(np.abs(reach) - arm / 2, 0, None)
    fold = 0.008 * np.sin(across * 26 + along * 2) * np.clip(over * 8, 0, 1)
    x = np.sign(reach) * (np.minimum(np.abs(reach), arm / 2) + 0.012 + fold)
    rounding = 0.03 * (np.abs(reach) / (arm / 2)).clip(0, 1) ** 4
    return Sheet(np.stack([x, across * width, 0.005 - over - rounding], axis=-1), at, material)
