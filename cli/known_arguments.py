"""Arguments that say what is known of photos beforehand (docs/known.md)."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from ..core.cameras.priors import Part, Priors, read_known
from ..core.errors import InputError
from ..core.images.masks import find_masks


def add_known(parser: argparse.ArgumentParser) -> None:
    known = "poses, focals and principal points of some photos, kept as they are (docs/known.md)"
    parser.add_argument("--known", type=Path, metavar="CAMERAS.json", help=known)
    parser.add_argument("--pin", choices=get_args(Part), help="what is taken from --known (default: both)")


def add_masks(parser: argparse.ArgumentParser) -> None:
    masks = "images named as the photos, black where they are to be left out (docs/known.md)"
    parser.add_argument("--masks", type=Path, metavar="FOLDER", help=masks)


def read_pin(arguments: argparse.Namespace) -> Part:
    """What is taken from --known; raises InputError where nothing is known."""
    if arguments.pin and not arguments.known:
        raise InputError(f"--pin {arguments.pin} says what is taken from --known; give --known CAMERAS.json too")
    return arguments.pin or "both"


def read_priors(arguments: argparse.Namespace, photos: Sequence[Path]) -> Priors:
    """The known cameras and masks that the arguments name; raises InputError for what does not fit the photos."""
    pin = read_pin(arguments)
    return Priors(
        read_known(arguments.known, photos, pin) if arguments.known else {},
        find_masks(arguments.masks, photos) if arguments.masks else {},
    )
