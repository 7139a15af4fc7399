"""`samples`: training data on a contact sheet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import InputError
from ...core.io.atomic import replacing
from ..output import Output
from ..outputs import PICTURE, check_written
from ..shared_arguments import add_overwrite

if TYPE_CHECKING:
    from ...training.batch import Source

HELP = "training scenes on a contact sheet, to look at"
LARGEST = 2048  # pixels on a side of one view


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--output", type=Path, required=True, metavar="SHEET.png", help="the sheet")
    add_overwrite(add)
    add("--seed", type=int, default=0, metavar="N", help="from 1000000 on: scenes that no training sees")
    add("--difficulty", type=float, default=0.5, metavar="D", help="0 to 1")
    add("--size", default="224x160", metavar="WxH", help="pixels of a view")
    add("--scenes", type=int, default=6, metavar="N", help="rows of the sheet")
    add("--views", type=int, default=6, metavar="N", help="views of each scene")
    add("--textures", type=Path, metavar="FOLDER", help="photos to use as patterns beside the drawn ones")
    add("--data", type=Path, metavar="FOLDER", help="show posed RGB-D photos instead of generated scenes")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Write some scenes of the generator, or of a folder of posed RGB-D photos, as one picture."""
    if arguments.output.suffix.lower() != ".png":
        raise InputError(f"Cannot write {arguments.output}: a contact sheet is a PNG; give a name that ends in .png")
    check_written(arguments, {"output": PICTURE})
    size = _size(arguments.size)
    if arguments.scenes < 1 or arguments.views < 1:
        raise InputError(f"{arguments.scenes} scenes of {arguments.views} views make no sheet; give 1 or more of both")
    from ...training.scenes.sheet import contact_sheet

    batch = _source(arguments).batch(0, arguments.scenes, arguments.views, 2 * arguments.views, size)
    with replacing(arguments.output) as file:
        contact_sheet(batch).save(file, format="PNG")
    shown = f"{arguments.scenes} scenes, {arguments.views} views of {size[0]} x {size[1]} each"
    output.result(str(arguments.output), f"{shown} -> {arguments.output}")


def _source(arguments: argparse.Namespace) -> Source:
    if arguments.data is not None:
        from ...training.rgbd import FolderSource

        return FolderSource(arguments.data, arguments.seed)
    from ...training.scenes.source import ProceduralSource  # loads Numba

    return ProceduralSource(arguments.seed, arguments.difficulty, arguments.textures)


def _size(text: str) -> tuple[int, int]:
    """(width, height) from WxH."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise InputError(f"The size {text!r} is not a width and a height; write for example 224x160")
    if not all(16 <= side <= LARGEST for side in (int(width), int(height))):
        raise InputError(f"The size {text} is not between 16 and {LARGEST} pixels a side; write for example 224x160")
    return int(width), int(height)
