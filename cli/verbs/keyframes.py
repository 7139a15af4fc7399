"""`keyframes`: the photos of a long sequence that are worth keeping."""

import argparse
from pathlib import Path

from ...core.errors import InputError, first_line
from ...core.images.keyframes import FORMS, STAGE, FrameChoice, choose_photos
from ...core.images.reader import find_photos
from ...core.io.atomic import read_text, replacing
from ...core.progress import Timeline
from ..output import Output, photo_count
from ..outputs import TEXT, check_written
from ..shared_arguments import add_frame_choice, add_overwrite

HELP = "the photos of a long sequence that are worth keeping (docs/photos.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photos", type=Path, nargs="*", metavar="PHOTOS", help="photo files in their order, or folders of them")
    add("--list", type=Path, metavar="FILE", help="a text file that names them, one a line")
    add("--output", type=Path, required=True, metavar="FILE", help="write the names of the chosen, one a line")
    add_overwrite(add)
    add_frame_choice(add, FORMS, FrameChoice())


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Choose among photos in their order and write the names of the chosen."""
    check_written(arguments, {"output": TEXT})
    photos = find_photos([*arguments.photos, *(_listed(arguments.list) if arguments.list else [])])
    check_written(arguments, {"output": TEXT}, photos)
    chosen = choose_photos(photos, arguments.frames, Timeline({STAGE: 1}, output.progress))
    with replacing(arguments.output) as file:
        file.write("\n".join(map(str, chosen)).encode())
    output.result(str(arguments.output), f"{len(chosen)} of {photo_count(len(photos))} -> {arguments.output}")


def _listed(path: Path) -> list[Path]:
    try:
        return [Path(line) for line in read_text(path).splitlines() if line]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no list of photos ({first_line(error)}); name a text file") from error
