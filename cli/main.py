"""One run of the command line: parse, run the verb, and return its exit code."""

import argparse
import errno
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import FrameType

from ..core.errors import Cancelled, InputError, ModelUnavailable, ReconstructionError, first_line
from ..core.io.atomic import recorded
from ..core.io.interruption import SIGNALS, came, check_interruption, held_back
from ..core.runtime.environment import complaint, let_waiting_threads_sleep
from ..core.runtime.memory import check_room, shortage
from .output import JsonLines, Output, Quiet, Terminal, undisturbed_output
from .parser import read_arguments, verb_module
from .streams import mend_streams, put_last

# Errors of the system for a path that this user cannot use.
REFUSED = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EROFS, errno.EIO)
NAMED = 4  # written files that the message of a cancel lists
JOB, RESULT = "job.json", "result"  # of a job's folder (core/jobs/job.py)
JSON = "--json-progress"

log = logging.getLogger(__name__)


def main(argv: Sequence[str], prog: str = "headless.py") -> int:
    """Run one verb. Returns 0 done; 2 wrong input; 3 no such model; 4 cancelled; 1 anything else."""
    mend_streams()
    output: Output = JsonLines() if JSON in argv else Quiet()  # for errors of the arguments
    let_waiting_threads_sleep()  # before torch is loaded
    with recorded() as made:
        try:
            with held_back():  # modules in C swallow an interrupt while they are loaded
                arguments = read_arguments(prog, argv)
            output = _output(arguments)
            if arguments.supervised:
                _end_with_standard_input()
            with _cancel_on_signals(), _room_first():
                check_interruption()
                verb_module(arguments.verb).run(arguments, output)
                check_interruption()
        except SystemExit as leaving:  # argparse's --help and --version
            return int(leaving.code or 0)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  any error ends as one sentence
            known = _explain(Cancelled() if came.is_set() else error)
            known = _cancelled(made) if isinstance(known, Cancelled) else known
            with suppress(ReconstructionError):  # the output cannot be written
                output.error(_with_command(known, prog, output), known.exit_code)
            return known.exit_code
        finally:
            came.clear()
            put_last()
    return 0


def _cancelled(made: Sequence[Path]) -> Cancelled:
    """Names the files that were written before, but for those of a job, with which its next run continues."""
    there = [str(path) for path in dict.fromkeys(made) if path.exists() and not _is_of_job(path)]
    if not there:
        return Cancelled()
    more = f" and {len(there) - NAMED} more" if len(there) > NAMED else ""
    return Cancelled(f"Cancelled; written before that: {', '.join(there[:NAMED])}{more}")


def _is_of_job(path: Path) -> bool:
    """Whether a file lies in a job's folder, its result excepted."""
    return path.parent.name != RESULT and any((folder / JOB).is_file() for folder in path.parents)


def _explain(error: BaseException) -> ReconstructionError:
    """The sentence for an error; the traceback of an unexpected one is written to a log."""
    if isinstance(error, ReconstructionError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Cancelled()
    if (sentence := shortage(error)) is not None:
        return sentence
    if isinstance(error, OSError) and error.errno in REFUSED and error.filename is not None:
        return InputError(f"{error.filename} cannot be used ({error.strerror}); check the path and its permissions")
    if isinstance(error, ModuleNotFoundError):
        missing = f"{sys.executable} has no {error.name}; install the packages of requirements.txt for it"
        return ReconstructionError(complaint() or missing)
    return ReconstructionError(f"Unexpected {type(error).__name__}: {first_line(error)}{_write_log(error)}")


def _with_command(error: ReconstructionError, prog: str, output: Output) -> str:
    """The sentence, for a reader at a terminal with what to type."""
    verb = error.verb if isinstance(error, ModelUnavailable) and not isinstance(output, JsonLines) else ""
    return f"{error}: {prog} {verb}" if verb else str(error)


@contextmanager
def _room_first() -> Iterator[None]:
    """Raise ReconstructionError instead of importing a library that needs more memory than there is."""

    class Finder(MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            check_room(fullname)

    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _output(arguments: argparse.Namespace) -> Output:
    if arguments.json_progress:
        return JsonLines(undisturbed_output() if arguments.supervised else None)
    return Quiet() if arguments.quiet else Terminal()


@contextmanager
def _cancel_on_signals() -> Iterator[None]:
    """Cancel the work on SIGINT, SIGTERM and SIGHUP, even if a library swallows the exception."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hung_up = getattr(signal, "SIGHUP", None)
    ignored = {hung_up} if hung_up and signal.getsignal(hung_up) is signal.SIG_IGN else set()  # as nohup sets it
    before = {number: signal.signal(number, interrupt) for number in SIGNALS if number not in ignored}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: one of Blender's own, in C


def _end_with_standard_input() -> None:
    """Exit when standard input is closed: a worker must not outlive the Blender that started it."""

    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock would abort the interpreter's own end
            pass
        os._exit(Cancelled.exit_code)

    threading.Thread(target=watch, name="supervisor watch", daemon=True).start()


def _write_log(error: BaseException) -> str:
    """A clause that names the log with the traceback; empty where none can be written."""
    try:
        handle, name = tempfile.mkstemp(prefix="dust3r-", suffix=".log")
        with os.fdopen(handle, "w") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return ""
    return f"; the details are in {name}"
