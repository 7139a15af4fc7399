"""The room around the furniture and its light: a sun and sky through two windows behind the cameras, two lamps."""

import math
from typing import Any

import bpy
import numpy as np

from studio.furniture import LAYOUT, Piece
from studio.materials import material
from studio.nodes import linear
from studio.shapes import Box, Shape, build

HALF = 3.2  # from the centre to each wall, metres
HEIGHT = 2.7
WINDOW = (2.3, 0.7, 2.4)  # width, sill and top, metres
WINDOW_Y = -0.15
BOOK_COLORS = (
    "7a2e2a",
    "27475c",
    "c9a04e",
    "3f5d45",
    "8c5a3c",
    "e0d6c0",
    "4a3a55",
    "b5653c",
    "2e2e33",
    "6d8a8c",
    "a8433a",
)


def _wall_with_window(at_y: float) -> tuple[Shape, ...]:
    """The wall at x = -HALF with a window whose middle is at y, its bars and its sill."""
    width, sill, top = WINDOW
    x, thick = -HALF - 0.1, 0.2
    left, right = at_y - width / 2, at_y + width / 2
    middle, height = (sill + top) / 2, top - sill
    return (
        Box((thick, left + HALF, HEIGHT), (x, (left - HALF) / 2, HEIGHT / 2), "plaster", 0),
        Box((thick, HALF - right, HEIGHT), (x, (right + HALF) / 2, HEIGHT / 2), "plaster", 0),
        Box((thick, width, sill), (x, at_y, sill / 2), "plaster", 0),
        Box((thick, width, HEIGHT - top), (x, at_y, (HEIGHT + top) / 2), "plaster", 0),
        *(Box((0.06, 0.05, height), (x, at_y + k * width / 4, middle), "white", 0.004) for k in (-2, -1, 0, 1, 2)),
        *(Box((0.06, width, 0.05), (x, at_y, z), "white", 0.004) for z in (sill, middle + 0.2, top)),
    )


SHELL: tuple[Shape, ...] = (
    Box((2 * HALF, 2 * HALF, 0.1), (0, 0, -0.05), "floor", 0),
    Box((2 * HALF, 2 * HALF, 0.1), (0, 0, HEIGHT + 0.05), "plaster", 0),
    Box((2 * HALF, 0.1, HEIGHT), (0, HALF + 0.05, HEIGHT / 2), "brick", 0),
    Box((0.1, 2 * HALF, HEIGHT), (HALF + 0.05, 0, HEIGHT / 2), "wallpaper", 0),
    Box((2 * HALF, 0.1, HEIGHT), (0, -HALF - 0.05, HEIGHT / 2), "plaster", 0),
    Box((2 * HALF, 0.02, 0.1), (0, HALF - 0.01, 0.05), "white", 0.004),
    Box((0.02, 2 * HALF, 0.1), (HALF - 0.01, 0, 0.05), "white", 0.004),
    *_wall_with_window(WINDOW_Y),
)


def furnish() -> None:
    """Build the room and everything in it into the current, empty scene."""
    for shape in SHELL:
        build(shape, material(shape.material))
    for piece in LAYOUT:
        _place(piece)
    _light()


def _place(piece: Piece) -> None:
    anchor: Any = bpy.data.objects.new(piece.name, None)
    bpy.context.collection.objects.link(anchor)
    anchor.location, anchor.rotation_euler = piece.at, (0, 0, math.radians(piece.turn))
    random = np.random.default_rng(5)
    for shape in piece.parts:
        made = build(shape, material(shape.material))
        made.parent = anchor
        made.color = linear(BOOK_COLORS[int(random.integers(len(BOOK_COLORS)))])


def _light() -> None:
    width, sill, top = WINDOW
    sky = ("AREA", (-HALF - 0.05, WINDOW_Y, (sill + top) / 2), (0, -90, 0), 200.0, "dbe8ff")
    fill = ("AREA", (-0.6, -HALF + 0.1, 1.7), (90, 0, 0), 75.0, "fff1de")
    for kind, at, turn, power, code in (sky, fill):
        lamp = _lamp(kind, at, turn, power, code)
        lamp.shape, lamp.size, lamp.size_y = "RECTANGLE", top - sill, width
    sun = _lamp("SUN", (0, 0, 5), (0, -62, 17), 12.0, "ffe2b8")
    sun.angle = math.radians(0.8)
    for at in ((1.2, 2.93, 1.12), (2.75, -1.25, 1.45)):
        _lamp("POINT", at, (0, 0, 0), 12.0, "ffc98a").shadow_soft_size = 0.05
    world: Any = bpy.data.worlds.new("Sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = linear("bcd4f0")
    bpy.context.scene.world = world


def _lamp(kind: Any, at: tuple[float, ...], turn: tuple[float, ...], power: float, code: str) -> Any:
    data: Any = bpy.data.lights.new(kind, kind)
    data.energy, data.color = power, linear(code)[:3]
    lamp: Any = bpy.data.objects.new(kind, data)
    lamp.location, lamp.rotation_euler = at, [math.radians(angle) for angle in turn]
    bpy.context.collection.objects.link(lamp)
    return data
