"""Arguments of the verb `world`, and --ground of what reconstructs; defaults are core's."""

import argparse
from pathlib import Path
from typing import get_args

from ..core.settings import Ground, ReconstructionSettings

WORLD = "a finished reconstruction moved: ground, scale, origin, north (docs/world.md)"
AUTO = "auto"
PIXEL = "PHOTO:X,Y"  # a point as a photo shows it, in its pixels


def add_world(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="a finished job, or its result; it is moved in place")
    onto = "move the cameras onto the poses of this cameras.json; two or more give the scale too"
    add("--known", type=Path, metavar="CAMERAS.json", help=onto)
    ground = f"{AUTO}: the largest level plane below the cameras; one point: level there; three or more: their plane"
    add("--ground", nargs="+", metavar=(f"{AUTO}|{PIXEL}", PIXEL), help=ground)
    how = parser.add_mutually_exclusive_group().add_argument
    how("--scale", type=float, metavar="FACTOR", help="lengths times this")
    how("--distance", nargs=3, metavar=(PIXEL, PIXEL, "LENGTH"), help="two points and how far they are apart")
    how("--camera-height", nargs=2, metavar=("PHOTO", "LENGTH"), help="how high above the ground a photo was taken")
    add("--origin", metavar=PIXEL, help="the point whose place becomes the origin; the ground keeps its height")
    add("--north", nargs=2, metavar=PIXEL, help="the way from the first point to the second is north")


def add_ground(parser: argparse.ArgumentParser) -> None:
    """Of a reconstruction to be made."""
    text = "bring the floor down, unless poses are known, or leave the world that the cameras make (docs/world.md)"
    parser.add_argument("--ground", choices=get_args(Ground), default=ReconstructionSettings().ground, help=text)
