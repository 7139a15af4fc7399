"""How all verbs take arguments: one-sentence errors, help that states defaults, and the options that many share."""

import argparse
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, get_args

from ..core.errors import InputError
from ..core.settings import MOST, Device, ReconstructionSettings

NAMED = 80  # characters of a path that an error shows
DRAWN = "begins whatever is drawn at random"  # what --seed is


class Help(argparse.HelpFormatter):
    """States the default of every option that has one, unless its own text does."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_one = action.option_strings and not (action.default is None or isinstance(action.default, bool))
        if not action.help or not has_one or "default" in action.help or action.default == argparse.SUPPRESS:
            return action.help
        return f"{action.help} (default: %(default)s)"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence instead of a page of usage.

    Every float is finite, every whole number one of ours (settings.MOST), every path one that the system can look up.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for kind, read in ((float, _finite), (int, _whole), (Path, _askable)):
            self.register("type", kind, read)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help")


def _finite(text: str) -> float:
    with suppress(ValueError):
        if math.isfinite(float(text)):
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no finite number")


def _whole(text: str) -> int:
    with suppress(ValueError):
        if abs(int(text)) <= MOST:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from -{MOST} to {MOST}")


def _askable(text: str) -> Path:
    """A path, whether or not anything is there."""
    try:
        Path(text).stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # a circle of links, too long a name, a folder that may not be looked into
        reason = isinstance(error, OSError) and error.strerror
        raise argparse.ArgumentTypeError(f"{text[:NAMED]!r} cannot be used ({reason or error})") from error
    return Path(text)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which network, and where it runs."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", metavar="NAME|FOLDER|FILE", help="the network (default: the best that is present)")
    add_models_folder(group.add_argument)
    add_device(group.add_argument)


def add_models_folder(add: Callable[..., object]) -> None:
    add("--models-folder", type=Path, metavar="FOLDER", help="where models are kept (default: this user's)")


def add_device(add: Callable[..., object]) -> None:
    add("--device", choices=get_args(Device), default=ReconstructionSettings().device, help="what computes")


def add_overwrite(add: Callable[..., object]) -> None:
    """What `writing.check_written` goes by."""
    text = "replace a Blender scene that is there, or a file of another kind (default: refuse)"
    add("--overwrite", action="store_true", help=text)


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Which cache may be used of a job whose job.json names one outside of its folder."""
    text = "the cache to use where job.json names one outside of the job folder (docs/job_folder.md)"
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help=text)


def confidence(text: str) -> float:
    """A confidence on the network's scale."""
    with suppress(ValueError):
        if 1 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no confidence; give 1 or more, of which 1 keeps every point")


def add_talk(parser: argparse.ArgumentParser) -> None:
    """How much is said, and to whom."""
    group = parser.add_argument_group("messages")
    talk = group.add_mutually_exclusive_group()
    talk.add_argument("--quiet", action="store_true", help="say nothing but errors")
    talk.add_argument("--json-progress", action="store_true", help="one JSON message a line (core/jobs/messages.py)")
    group.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)  # end with standard input
