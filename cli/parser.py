"""The parser of the command line: errors of one sentence, help that states defaults, and the verbs of verbs/."""

import argparse
import importlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ..core.errors import InputError
from ..core.settings import MOST
from ..core.version import VERSION
from .shared_arguments import add_messages, number

VERBS = (  # as --help lists them
    *("reconstruct", "export", "mesh", "clean", "report", "frames", "keyframes", "world", "camera-path"),
    *("match", "relative-pose", "localize", "render-map", "models", "runtime", "evaluate", "classical"),
    *("plan", "infer", "align", "import", "render-views", "fine-tune", "train", "samples", "predict", "work"),
)
CHECKOUT_VERBS = ("evaluate", "classical")  # they need the package evaluation, which the extension's zip leaves out
EVALUATION = Path(__file__).resolve().parents[1] / "evaluation"
MOST_PATH = 80  # characters of a path that an error shows

DESCRIPTION = "DUSt3R: photos to a point cloud and matching cameras."
EPILOG = (
    "Every verb has its own --help; docs/README.md lists all pages. Exit codes: 0 done; 2 wrong arguments or input; "
    "3 model not available; 4 cancelled; 1 anything else, with a log."
)


class Help(argparse.HelpFormatter):
    """States the default of every option that has one, unless its own text does."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_one = action.option_strings and not (action.default is None or isinstance(action.default, bool))
        if not action.help or not has_one or "default" in action.help or action.default == argparse.SUPPRESS:
            return action.help
        return f"{action.help} (default: %(default)s)"


class Parser(argparse.ArgumentParser):
    """Raises InputError, one sentence, instead of printing the usage.

    Every float is finite, every integer at most settings.MOST, every path one that the system can look up.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register("type", float, number(float, math.isfinite, "finite number"))
        whole = f"whole number from -{MOST} to {MOST}"
        self.register("type", int, number(int, lambda value: abs(value) <= MOST, whole))
        self.register("type", Path, _path)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help")


def read_arguments(prog: str, argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; of the verbs only the one named is imported. Raises InputError, naming its help."""
    _check_none_is_empty(argv)
    verb = argv[0] if argv else ""
    if verb in CHECKOUT_VERBS and verb not in offered_verbs():
        raise InputError(f"{verb} is part of the checkout only, not of the extension; run headless.py of a git clone")
    arguments, unknown = make_parser(prog, [verb] if verb in VERBS else offered_verbs()).parse_known_args(list(argv))
    if unknown:
        raise InputError(f"Unrecognized arguments: {' '.join(unknown)}; see {prog} {arguments.verb} --help")
    return arguments


def _check_none_is_empty(argv: Sequence[str]) -> None:
    """Raise InputError for an empty value: as a path, such as a script's unset variable, it would mean this folder."""
    for before, argument in zip(("", *argv), argv, strict=False):
        option = before if argument == "" else argument.removesuffix("=")
        if argument == "" or (argument.startswith("--") and option != argument):
            raise InputError(f"An argument is empty, {f'that of {option}' if option else 'the first'}; write its value")


def offered_verbs() -> list[str]:
    """The verbs whose packages are present."""
    return [verb for verb in VERBS if verb not in CHECKOUT_VERBS or EVALUATION.is_dir()]


def verb_module(verb: str) -> ModuleType:
    """The module of a verb; that of `import`, which no module can be called, is import_result."""
    name = "import_result" if verb == "import" else verb.replace("-", "_")
    return importlib.import_module(f".verbs.{name}", __package__)


def make_parser(prog: str, verbs: Iterable[str] | None = None) -> argparse.ArgumentParser:
    """The parser of some verbs, or of all that are offered."""
    parser = Parser(prog=prog, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=VERSION)
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)
    for verb in offered_verbs() if verbs is None else verbs:
        module = verb_module(verb)
        sentence = f"{module.HELP[:1].upper()}{module.HELP[1:]}."
        subparser = subparsers.add_parser(verb, help=module.HELP, description=sentence, formatter_class=Help)
        module.add_arguments(subparser)
        add_messages(subparser)
    return parser


def _path(text: str) -> Path:
    """A path, whether or not anything is there."""
    try:
        Path(text).stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # a circle of links, too long a name, a folder without permission
        reason = isinstance(error, OSError) and error.strerror
        raise argparse.ArgumentTypeError(f"{text[:MOST_PATH]!r} cannot be used ({reason or error})") from error
    return Path(text)
