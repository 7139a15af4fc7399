"""The furniture as tables of parts (each piece on z = 0, its front towards -y), and where each piece stands."""

from dataclasses import dataclass

from studio.growing import books_in_a_row, bouquet, draped, potted_plant
from studio.shapes import Ball, Box, Pillow, Shape, Turned, rod


def _legs(x: float, y: float, size: float, height: float, material: str) -> tuple[Box, ...]:
    corners = ((-x, -y), (x, -y), (x, y), (-x, y))
    return tuple(Box((size, size, height), (cx, cy, height / 2), material, 0.004) for cx, cy in corners)


COFFEE_TABLE: tuple[Shape, ...] = (
    Box((1.15, 0.62, 0.035), (0, 0, 0.4225), "oak", 0.008),
    Box((1.05, 0.52, 0.02), (0, 0, 0.15), "oak", 0.004),
    Box((1.03, 0.03, 0.06), (0, -0.26, 0.375), "oak", 0.003),
    Box((1.03, 0.03, 0.06), (0, 0.26, 0.375), "oak", 0.003),
    *_legs(0.52, 0.26, 0.055, 0.405, "oak upright"),
    Box((0.30, 0.22, 0.012), (-0.3, 0.02, 0.166), "magazine", 0.002, (0, 0, 12)),
    Box((0.34, 0.25, 0.05), (0.15, 0.0, 0.185), "green leather", 0.006, (0, 0, -6)),
)
BOWL: tuple[Shape, ...] = (
    Turned(
        (
            (0, 0),
            (0.07, 0),
            (0.08, 0.015),
            (0.15, 0.075),
            (0.165, 0.11),
            (0.155, 0.11),
            (0.14, 0.08),
            (0.07, 0.025),
            (0, 0.02),
        ),
        (0, 0, 0),
        "white glaze",
    ),
    *(
        Ball((0.085, 0.085, 0.08), at, "orange")
        for at in ((0.05, 0.02, 0.085), (-0.045, 0.04, 0.083), (0.0, -0.055, 0.085))
    ),
    Ball((0.085, 0.085, 0.08), (0.005, 0.005, 0.145), "orange"),
)
BOOK_STACK: tuple[Shape, ...] = (
    Box((0.28, 0.20, 0.035), (0, 0, 0.0175), "leather", 0.004),
    Box((0.25, 0.18, 0.03), (0.005, 0.0, 0.05), "card", 0.004, (0, 0, 14)),
    Box((0.24, 0.17, 0.025), (0, 0.005, 0.0775), "green leather", 0.004, (0, 0, -9)),
    Turned(
        ((0, 0), (0.04, 0), (0.043, 0.01), (0.043, 0.09), (0.038, 0.09), (0.037, 0.07), (0, 0.07)),
        (0.01, 0, 0.09),
        "clay",
    ),
)
VASE: tuple[Shape, ...] = (
    Turned(
        (
            (0, 0),
            (0.06, 0),
            (0.085, 0.04),
            (0.1, 0.1),
            (0.085, 0.17),
            (0.045, 0.22),
            (0.04, 0.25),
            (0.055, 0.27),
            (0.045, 0.265),
            (0.03, 0.24),
        ),
        (0, 0, 0),
        "blue glaze",
    ),
    *bouquet(height=0.26, stems=11, seed=4),
)
MAGAZINE: tuple[Shape, ...] = (Box((0.21, 0.28, 0.008), (0, 0, 0.004), "magazine", 0.001),)

SOFA: tuple[Shape, ...] = (
    Box((2.1, 0.9, 0.22), (0, 0, 0.23), "sofa", 0.03),
    Box((2.1, 0.22, 0.62), (0, 0.36, 0.5), "sofa", 0.07),
    Box((0.2, 0.94, 0.5), (-1.0, -0.01, 0.37), "sofa", 0.06),
    Box((0.2, 0.94, 0.5), (1.0, -0.01, 0.37), "sofa", 0.06),
    *(Box((0.885, 0.72, 0.17), (x, -0.1, 0.42), "sofa", 0.055) for x in (-0.447, 0.447)),
    *(Box((0.88, 0.2, 0.42), (x, 0.2, 0.66), "sofa", 0.08, (-12, 0, 0)) for x in (-0.445, 0.445)),
    *_legs(0.95, 0.36, 0.06, 0.13, "walnut upright"),
    Pillow((0.46, 0.46, 0.2), (-0.68, -0.02, 0.7), "zigzag", (68, 4, 14)),
    Pillow((0.44, 0.44, 0.19), (-0.3, -0.06, 0.68), "leaves", (64, -6, -8)),
    Pillow((0.46, 0.46, 0.2), (0.66, -0.02, 0.7), "striped", (68, 3, -15)),
    draped((0.75, 0.22, 0.5), (1.0, -0.12, 0.635), "throw"),
)
ARMCHAIR: tuple[Shape, ...] = (
    Box((0.62, 0.64, 0.16), (0, -0.03, 0.36), "seat", 0.05),
    Box((0.62, 0.15, 0.56), (0, 0.3, 0.66), "seat", 0.06, (-14, 0, 0)),
    *(Box((0.05, 0.66, 0.035), (x, -0.02, 0.575), "walnut", 0.012, (0, 0, 0)) for x in (-0.37, 0.37)),
    *(Box((0.045, 0.045, 0.57), (x, -0.3, 0.285), "walnut upright", 0.01) for x in (-0.37, 0.37)),
    *(Box((0.045, 0.045, 0.57), (x, 0.26, 0.285), "walnut upright", 0.01) for x in (-0.37, 0.37)),
    *(Box((0.7, 0.04, 0.05), (0, y, 0.25), "walnut", 0.008) for y in (-0.28, 0.26)),
    *(Box((0.04, 0.55, 0.05), (x, -0.02, 0.25), "walnut", 0.008) for x in (-0.35, 0.35)),
    Pillow((0.4, 0.4, 0.17), (0.03, 0.1, 0.62), "zigzag", (66, 0, 6)),
)
CHAIR: tuple[Shape, ...] = (
    Box((0.44, 0.43, 0.03), (0, 0, 0.44), "oak", 0.012),
    Pillow((0.4, 0.4, 0.07), (0, -0.01, 0.475), "leaves"),
    *(Box((0.035, 0.035, 0.43), (x, -0.18, 0.215), "oak upright", 0.008) for x in (-0.19, 0.19)),
    *(Box((0.035, 0.035, 0.88), (x, 0.2, 0.44), "oak upright", 0.008) for x in (-0.19, 0.19)),
    *(Box((0.36, 0.022, 0.07), (0, 0.2, z), "oak", 0.008) for z in (0.6, 0.72, 0.84)),
    *(Box((0.02, 0.36, 0.03), (x, 0, 0.2), "oak", 0.004) for x in (-0.19, 0.19)),
)
POUF: tuple[Shape, ...] = (
    Turned(
        ((0, 0), (0.22, 0), (0.275, 0.06), (0.29, 0.18), (0.275, 0.32), (0.22, 0.38), (0.1, 0.395), (0, 0.395)),
        (0, 0, 0),
        "pouf",
    ),
    Box((0.3, 0.22, 0.03), (0.02, 0.0, 0.41), "leather", 0.005, (0, 0, 25)),
)
SUITCASES: tuple[Shape, ...] = (
    Box((0.66, 0.42, 0.22), (0, 0, 0.11), "leather", 0.03),
    *(Box((0.045, 0.428, 0.228), (x, 0, 0.11), "dark leather", 0.03) for x in (-0.2, 0.2)),
    Box((0.14, 0.03, 0.025), (0, -0.22, 0.12), "dark leather", 0.01),
    Box((0.54, 0.36, 0.18), (0.02, 0.01, 0.31), "green leather", 0.03, (0, 0, 8)),
    *(
        Box((0.04, 0.368, 0.188), (x, 0.01 + 0.14 * (x - 0.02), 0.31), "dark leather", 0.03, (0, 0, 8))
        for x in (-0.14, 0.18)
    ),
)
BEACH_BALL: tuple[Shape, ...] = (Ball((0.34, 0.34, 0.34), (0, 0, 0.17), "ball", (35, 20, 0)),)
BASKET: tuple[Shape, ...] = (
    Turned(((0, 0), (0.17, 0), (0.2, 0.3), (0.205, 0.32), (0.19, 0.32), (0.18, 0.2), (0, 0.2)), (0, 0, 0), "wicker"),
    Pillow((0.34, 0.34, 0.16), (0, 0, 0.3), "striped", (8, 12, 30)),
)
BOOKSHELF: tuple[Shape, ...] = (
    *(Box((0.03, 0.32, 2.0), (x, 0, 1.0), "walnut upright", 0.003) for x in (-0.62, 0.62)),
    *(Box((1.21, 0.31, 0.028), (0, 0, z), "walnut", 0.003) for z in (0.06, 0.44, 0.82, 1.2, 1.58, 1.985)),
    Box((1.21, 0.012, 1.95), (0, 0.154, 1.0), "walnut", 0.0),
    *books_in_a_row(-0.59, 0.2, 0.454, seed=1),
    *books_in_a_row(-0.35, 0.59, 0.834, seed=2),
    *books_in_a_row(-0.59, 0.0, 1.214, seed=3),
    *books_in_a_row(0.28, 0.59, 1.214, seed=4),
    *books_in_a_row(-0.1, 0.59, 1.594, seed=5),
    Box((0.5, 0.26, 0.28), (-0.31, -0.01, 0.215), "wicker", 0.02),
    Box((0.5, 0.26, 0.28), (0.28, -0.01, 0.215), "wicker", 0.02),
    Turned(
        ((0, 0), (0.05, 0), (0.09, 0.08), (0.08, 0.16), (0.03, 0.2), (0.03, 0.24), (0.04, 0.25), (0, 0.25)),
        (0.4, 0, 0.454),
        "clay",
    ),
    Ball((0.16, 0.16, 0.16), (-0.47, 0, 0.914), "blue glaze"),
    Turned(((0, 0), (0.06, 0), (0.08, 0.1), (0.07, 0.1), (0, 0.08)), (0.14, 0, 1.214), "white glaze"),
    Box((0.22, 0.02, 0.28), (-0.4, 0.04, 1.735), "arches", 0.002, (-8, 0, 0)),
)
SIDEBOARD: tuple[Shape, ...] = (
    Box((1.5, 0.44, 0.52), (0, 0, 0.44), "walnut", 0.008),
    *(Box((0.47, 0.02, 0.44), (x, -0.222, 0.44), "oak", 0.006) for x in (-0.49, 0.0, 0.49)),
    *(Ball((0.03, 0.03, 0.03), (x, -0.245, 0.5), "brass") for x in (-0.3, 0.18, 0.3)),
    *_legs(0.68, 0.17, 0.045, 0.18, "walnut upright"),
)
TABLE_LAMP: tuple[Shape, ...] = (
    Turned(
        ((0, 0), (0.08, 0), (0.11, 0.08), (0.09, 0.2), (0.03, 0.27), (0.015, 0.36), (0, 0.36)), (0, 0, 0), "white glaze"
    ),
    Turned(((0.17, 0.3), (0.12, 0.56)), (0, 0, 0), "shade"),
)
FLOOR_LAMP: tuple[Shape, ...] = (
    rod(0.14, 0.025, (0, 0, 0), "iron"),
    rod(0.012, 1.45, (0, 0, 0.02), "brass"),
    Turned(((0.22, 1.3), (0.15, 1.62)), (0, 0, 0), "shade"),
)
BIG_PLANT: tuple[Shape, ...] = (
    Turned(((0, 0), (0.15, 0), (0.2, 0.34), (0.21, 0.36), (0.19, 0.36), (0.18, 0.32), (0, 0.32)), (0, 0, 0), "clay"),
    rod(0.175, 0.02, (0, 0, 0.31), "soil"),
    *potted_plant(base=0.32, height=1.25, leaves=34, seed=6),
)
RUG: tuple[Shape, ...] = (Box((2.7, 1.93, 0.014), (0, 0, 0.007), "rug", 0.003),)


def framed(width: float, height: float, print_name: str, frame: str) -> tuple[Shape, ...]:
    """A picture hanging at its own centre, its face towards -y."""
    bar = 0.035
    return (
        Box((width, 0.012, height), (0, 0, 0), print_name, 0.0),
        *(Box((width + 2 * bar, 0.03, bar), (0, -0.004, z * (height + bar) / 2), frame, 0.003) for z in (-1, 1)),
        *(Box((bar, 0.03, height), (x * (width + bar) / 2, -0.004, 0), frame, 0.003) for x in (-1, 1)),
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of furniture and where it stands."""

    name: str
    parts: tuple[Shape, ...]
    at: tuple[float, float, float]  # metres; the room's centre is (0, 0, 0)
    turn: float = 0.0  # degrees about z


LAYOUT = (
    Piece("rug", RUG, (0.1, 0.0, 0.0), 6),
    Piece("coffee table", COFFEE_TABLE, (0.25, 0.1, 0.014), 10),
    Piece("bowl", BOWL, (0.02, 0.02, 0.454), 0),
    Piece("vase", VASE, (0.5, 0.25, 0.454), 0),
    Piece("book stack", BOOK_STACK, (0.55, -0.02, 0.454), 30),
    Piece("magazine", MAGAZINE, (-0.15, 0.22, 0.454), -25),
    Piece("armchair", ARMCHAIR, (-0.6, 1.45, 0.0), 24),
    Piece("pouf", POUF, (-0.6, -0.5, 0.0), 0),
    Piece("chair", CHAIR, (0.88, -0.93, 0.0), 208),
    Piece("ball", BEACH_BALL, (0.05, -1.0, 0.0), 0),
    Piece("suitcases", SUITCASES, (0.95, 1.45, 0.0), -24),
    Piece("sofa", SOFA, (2.62, 0.25, 0.0), -90),
    Piece("basket", BASKET, (1.75, -1.2, 0.0), 0),
    Piece("bookshelf", BOOKSHELF, (-1.55, 2.98, 0.0), 0),
    Piece("sideboard", SIDEBOARD, (0.75, 2.93, 0.0), 0),
    Piece("table lamp", TABLE_LAMP, (1.2, 2.93, 0.7), 0),
    Piece("floor lamp", FLOOR_LAMP, (2.75, -1.25, 0.0), 0),
    Piece("plant", BIG_PLANT, (2.45, 2.45, 0.0), 0),
    Piece("painting", framed(1.0, 0.72, "hills", "oak"), (0.6, 3.17, 1.5), 0),
    Piece("print", framed(0.46, 0.62, "arches", "walnut"), (3.17, 0.95, 1.5), -90),
    Piece("brushwork", framed(0.84, 0.62, "brushwork", "white"), (3.17, -0.1, 1.5), -90),
)
