"""The verb `samples`: training data on a contact sheet."""

import argparse

from ..core.errors import InputError
from ..core.io.atomic import replacing
from ..training.batch import Source
from ..training.scenes.sheet import contact_sheet
from .output import Output
from .outputs import PICTURE
from .writing import check_written

LARGEST = 2048  # pixels on a side of one view


def samples(arguments: argparse.Namespace, output: Output) -> None:
    """Write some scenes of the generator, or of a folder of posed RGB-D photos, as one picture."""
    if arguments.output.suffix.lower() != ".png":
        raise InputError(f"Cannot write {arguments.output}: a contact sheet is a PNG; give a name that ends in .png")
    check_written(arguments, {"output": PICTURE})
    size = _size(arguments.size)
    if arguments.scenes < 1 or arguments.views < 1:
        raise InputError(f"{arguments.scenes} scenes of {arguments.views} views make no sheet; give 1 or more of both")
    batch = _source(arguments).batch(0, arguments.scenes, arguments.views, 2 * arguments.views, size)
    with replacing(arguments.output) as file:
        contact_sheet(batch).save(file, format="PNG")
    shown = f"{arguments.scenes} scenes, {arguments.views} views of {size[0]} x {size[1]} each"
    output.result(str(arguments.output), f"{shown} -> {arguments.output}")


def _source(arguments: argparse.Namespace) -> Source:
    if arguments.data is not None:
        from ..training.rgbd import FolderSource  # the generator needs none of it

        return FolderSource(arguments.data, arguments.seed)
    from ..training.scenes.source import ProceduralSource  # compiled code: only where it is used

    return ProceduralSource(arguments.seed, arguments.difficulty, arguments.textures)


def _size(text: str) -> tuple[int, int]:
    """(width, height) from WxH."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise InputError(f"The size {text!r} is not a width and a height; write for example 224x160")
    if not all(16 <= side <= LARGEST for side in (int(width), int(height))):
        raise InputError(f"The size {text} is not between 16 and {LARGEST} pixels a side; write for example 224x160")
    return int(width), int(height)
