"""One run of the command line: parse, do, and end with the exit code that says how it went."""

import argparse
import importlib
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ..core.errors import Cancelled, ReconstructionError
from .arguments import make_parser
from .output import JsonLines, Output, Quiet, Terminal

VERBS = {
    "reconstruct": ("reconstruct", "reconstruct"),
    "work": ("reconstruct", "work"),
    "predict": ("research", "predict"),
    "align": ("research", "align"),
    "models": ("models", "models"),
    "evaluate": ("evaluate", "evaluate"),
}  # verb -> (module of this package, function)

log = logging.getLogger(__name__)


def main(argv: Sequence[str], prog: str = "headless.py") -> int:
    """Run one verb. Returns 0 done; 2 wrong input; 3 no such model; 4 cancelled; 1 anything else."""
    output: Output = Quiet()
    try:
        arguments = make_parser(prog).parse_args(list(argv))
        output = _output(arguments)
        if arguments.supervised:
            _end_with_standard_input()
        with _cancel_on_signals():
            _function(arguments.verb)(arguments, output)
    except ReconstructionError as error:
        output.error(str(error), error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        output.error(str(Cancelled()), Cancelled.exit_code)
        return Cancelled.exit_code
    except SystemExit as leaving:  # argparse's --help and --version
        return int(leaving.code or 0)
    except MemoryError:
        output.error("Memory ran out; use fewer photos, a sparser scene graph such as swin-3, or a smaller model", 1)
        return 1
    except ModuleNotFoundError as error:
        output.error(f"{sys.executable} has no {error.name}; install the packages of requirements.txt for it", 1)
        return 1
    except Exception as error:  # noqa: BLE001  the last line of defence: nothing but a sentence reaches the user
        output.error(f"Unexpected {type(error).__name__}: {error}; the details are in {_write_log()}", 1)
        return 1
    return 0


def _function(verb: str) -> Callable[[argparse.Namespace, Output], None]:
    """Imported only now: --help, and what is wrong with the arguments, need no torch."""
    module, name = VERBS[verb]
    return getattr(importlib.import_module(f".{module}", __package__), name)


def _output(arguments: argparse.Namespace) -> Output:
    if arguments.json_progress:
        return JsonLines()
    return Quiet() if arguments.quiet else Terminal()


@contextmanager
def _cancel_on_signals() -> Iterator[None]:
    """Ctrl-C and a polite kill end the work as a cancel does, with its exit code."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: one of Blender's own, in C


def _end_with_standard_input() -> None:
    """Leave when the supervisor does: a worker must not outlive the Blender that started it."""

    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock would abort the interpreter's own end
            pass
        os._exit(Cancelled.exit_code)

    threading.Thread(target=watch, name="supervisor watch", daemon=True).start()


def _write_log() -> Path:
    handle, name = tempfile.mkstemp(prefix="dust3r-", suffix=".log")
    with os.fdopen(handle, "w") as file:
        traceback.print_exc(file=file)
    return Path(name)
