"""Watches what reading a foreign file does: time, memory, and anything that reading must never do."""

import faulthandler
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dust3r.core.errors import ReconstructionError

SLOWEST = 10.0  # seconds that one file may take
STUCK = 60.0  # seconds after which the whole run is ended, with the stack of every thread
TRACEBACK = re.compile(r'Traceback|File ".*", line \d+')
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
RUNS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile", "socket.connect"}
RUNS |= {"webbrowser.open", "ctypes.dlopen", "pickle.find_class", "shutil.unpack_archive"}


@dataclass
class Tally:
    """What became of the files of one kind."""

    tried: int = 0
    refused: int = 0
    slowest: float = 0.0  # seconds
    memory: int = 0  # most bytes that one file made the process hold beyond what it held before

    def __str__(self) -> str:
        rest = f"slowest {self.slowest:.2f} s, most memory {self.memory / 1e6:.0f} MB"
        return f"{self.tried} tried, {self.refused} refused, {self.tried - self.refused} read, {rest}"


@dataclass
class _Scene:
    """What the interpreter's audit hook, which cannot be taken back, is to look for now."""

    folder: str | None = None  # the only one that may be written to
    seen: list[str] = field(default_factory=list)


TALLIES: dict[str, Tally] = {}
_scene = _Scene()


def assert_read_safely(kind: str, folder: Path, read: Callable[[], Any], most_memory: int) -> Any:
    """What `read` returns, or the refusal that it raised, which must be one sentence of core.errors.

    Fails where it raises anything else, takes too long or too much memory, writes outside `folder`, starts a process
    or connects to anywhere.
    """
    tally = TALLIES.setdefault(kind, Tally())
    before, began = _forget_peak(), time.monotonic()
    with _watching(folder) as seen:
        try:
            outcome = read()
        except ReconstructionError as error:
            outcome, sentence = error, str(error)
            assert sentence and "\n" not in sentence and not TRACEBACK.search(sentence), sentence
    seconds, memory = time.monotonic() - began, _peak() - before
    tally.tried += 1
    tally.refused += isinstance(outcome, ReconstructionError)
    tally.slowest, tally.memory = max(tally.slowest, seconds), max(tally.memory, memory)
    assert not seen, seen
    assert seconds < SLOWEST, f"{seconds:.1f} s"
    assert memory < most_memory, f"{memory / 1e6:.0f} MB"
    return outcome


@contextmanager
def _watching(folder: Path) -> Iterator[list[str]]:
    _scene.folder, _scene.seen = os.path.realpath(folder), []
    faulthandler.dump_traceback_later(STUCK, exit=True)
    try:
        yield _scene.seen
    finally:
        faulthandler.cancel_dump_traceback_later()
        _scene.folder = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _scene.folder is None:
        return
    if event in RUNS:
        _scene.seen.append(f"{event} {arguments[:2]!r}")
    elif event == "open" and isinstance(arguments[0], str) and int(arguments[2] or 0) & WRITING:
        _note(event, arguments[0])
    elif event in CHANGES:
        for path in arguments[:2]:
            if isinstance(path, str | os.PathLike):
                _note(event, os.fspath(path))


def _note(event: str, path: str) -> None:
    if not os.path.realpath(path).startswith(f"{_scene.folder}{os.sep}") and path != os.devnull:
        _scene.seen.append(f"{event} {path}")


def _forget_peak() -> int:
    """Begin to measure anew; bytes held now. Elsewhere than on Linux memory is not measured."""
    if sys.platform != "linux":
        return 0
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM") if sys.platform == "linux" else 0


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", text)[1]) * 1024


sys.addaudithook(_audit)
