"""Arguments that say which flaws are hidden, and those of the verb `clean`; defaults are core's."""

import argparse
from pathlib import Path

from ..core.errors import InputError
from ..core.flaws import FLAWS, NO_FLAW, SURELY_FLAWED, parse_flaws

CLEAN = "flaws of a finished reconstruction, found anew; no point is removed (docs/cleanup.md)"


def add_clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a finished job, or its result")
    add_hide(parser, None, "those hidden before")


def add_hide(parser: argparse.ArgumentParser, default: tuple[str, ...] | None, unless: str) -> None:
    """--hide; default: the flaws that are hidden unless told, None for as they are; unless: the same in words."""
    names = "; ".join(f"{name}: {flaw.note.lower()}" for name, flaw in FLAWS.items())
    text = f"hide the points with these flaws ({names}), or {NO_FLAW} (default: {unless})"
    parser.add_argument("--hide", type=_flaws, default=default, metavar="FLAW,...", help=text)


USUALLY = ",".join(SURELY_FLAWED)


def _flaws(text: str) -> tuple[str, ...]:
    try:
        return parse_flaws(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
