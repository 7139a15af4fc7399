"""One run of the command line: parse, do, and end with the exit code that says how it went."""

import argparse
import errno
import importlib
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import FrameType

from ..core.errors import Cancelled, InputError, ReconstructionError, first_line
from ..core.io.atomic import recorded
from ..core.io.interruption import SIGNALS, came, check_interruption, held_back
from ..core.runtime.environment import complaint, let_waiting_threads_sleep
from ..core.runtime.memory import check_room, shortage
from .arguments import read_arguments
from .output import JsonLines, Output, Quiet, Terminal, undisturbed_output
from .streams import mend_streams, put_last

VERBS = {
    "reconstruct": ("reconstruct", "reconstruct"),
    "work": ("reconstruct", "work"),
    "frames": ("frames", "frames"),
    "keyframes": ("frames", "keyframes"),
    "predict": ("research", "predict"),
    "plan": ("farm", "plan"),
    "infer": ("farm", "infer"),
    "align": ("farm", "align"),
    "import": ("farm", "import_result"),
    "export": ("export", "export"),
    "clean": ("clean", "clean"),
    "report": ("report", "report"),
    "match": ("match", "match"),
    "relative-pose": ("match", "relative_pose_verb"),
    "localize": ("localize", "localize"),
    "mesh": ("mesh", "mesh"),
    "world": ("world", "world"),
    "camera-path": ("camera_path", "camera_path"),
    "models": ("models", "models"),
    "runtime": ("runtime", "runtime"),
    "train": ("train", "train"),
    "evaluate": ("evaluate", "evaluate"),
    "classical": ("classical", "classical"),
    "render-views": ("render_views", "render_views"),
    "render-map": ("scene_map", "render_map_verb"),
    "fine-tune": ("fine_tune", "fine_tune"),
    "samples": ("samples", "samples"),
}  # verb -> (module of this package, function)

# What the system says of a path that this user cannot use as it is.
REFUSED = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EROFS, errno.EIO)
NAMED = 4  # written files that a sentence lists
JOB, RESULT = "job.json", "result"  # of a job's folder (core/jobs/job.py, which the help does without)

log = logging.getLogger(__name__)


def main(argv: Sequence[str], prog: str = "headless.py") -> int:
    """Run one verb. Returns 0 done; 2 wrong input; 3 no such model; 4 cancelled; 1 anything else."""
    mend_streams()
    output: Output = Quiet()
    came.clear()
    let_waiting_threads_sleep()  # before torch is loaded
    with recorded() as made:
        try:
            arguments = read_arguments(prog, argv)
            output = _output(arguments)
            if arguments.supervised:
                _end_with_standard_input()
            with _cancel_on_signals(), _room_first():
                _function(arguments.verb)(arguments, output)
                check_interruption()
        except SystemExit as leaving:  # argparse's --help and --version
            return int(leaving.code or 0)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the last line of defence: nothing but a sentence goes out
            known = _explain(Cancelled() if came.is_set() else error)
            known = _cancelled(made) if isinstance(known, Cancelled) else known
            with suppress(ReconstructionError):  # the output cannot be written either
                output.error(str(known), known.exit_code)
            return known.exit_code
        finally:
            put_last()
    return 0


def _cancelled(made: Sequence[Path]) -> Cancelled:
    """Names the files that were written before; those of a job, with which its next run goes on, are no result."""
    there = [str(path) for path in dict.fromkeys(made) if path.exists() and not _is_of_job(path)]
    if not there:
        return Cancelled()
    more = f" and {len(there) - NAMED} more" if len(there) > NAMED else ""
    return Cancelled(f"Cancelled; written before that: {', '.join(there[:NAMED])}{more}")


def _is_of_job(path: Path) -> bool:
    """Whether a file lies in a job's folder, its result excepted."""
    return path.parent.name != RESULT and any((folder / JOB).is_file() for folder in path.parents)


def _explain(error: BaseException) -> ReconstructionError:
    """The sentence for whatever happened; what is a defect of ours is written to a log."""
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


def _function(verb: str) -> Callable[[argparse.Namespace, Output], None]:
    """Imported only now: --help, and what is wrong with the arguments, need no torch."""
    module, name = VERBS[verb]
    with held_back():  # libraries in C swallow what an interrupt raises, or say that they do not work
        return getattr(importlib.import_module(f".{module}", __package__), name)


@contextmanager
def _room_first() -> Iterator[None]:
    """Raise ReconstructionError rather than load a library that there is no room for, whoever imports it."""

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
    """Ctrl-C, a polite kill and a closed terminal end the work as a cancel does, whatever a library makes of it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hung_up = getattr(signal, "SIGHUP", None)
    ignored = {hung_up} if hung_up and signal.getsignal(hung_up) is signal.SIG_IGN else set()  # nohup's wish
    before = {number: signal.signal(number, interrupt) for number in SIGNALS if number not in ignored}
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


def _write_log(error: BaseException) -> str:
    """Where the details are; nothing where they cannot be written down."""
    try:
        handle, name = tempfile.mkstemp(prefix="dust3r-", suffix=".log")
        with os.fdopen(handle, "w") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return ""
    return f"; the details are in {name}"
