"""Supervises one worker process from a background thread: progress, cancel, result. Knows no bpy.

The process keeps torch out of Blender: the interface never stalls, Cancel frees everything at once, and a worker that
dies takes nothing with it. It watches its standard input, so it also ends when Blender does.
"""

import logging
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import Cancelled, InputError, ModelUnavailable, ReconstructionError
from ..runtime.worker_python import own_python, worker_environment
from .messages import (
    ErrorMessage,
    Message,
    NoMessage,
    PhotosMessage,
    PreviewMessage,
    ProgressMessage,
    ResultMessage,
    WarningMessage,
    decode,
)

HEADLESS = Path(__file__).resolve().parents[2] / "headless.py"
KINDS = {kind.exit_code: kind for kind in (InputError, ModelUnavailable, Cancelled)}

log = logging.getLogger(__name__)


class WorkerJob:
    """One run of `headless.py` with the given arguments in a process of its own."""

    def __init__(
        self,
        arguments: Sequence[str],
        python: str | None = None,
        log_path: Path | None = None,
        launcher: Sequence[str] | None = None,
    ) -> None:
        """Start it. launcher: what understands the arguments in place of Python and headless.py.

        Raises ReconstructionError when the process cannot be started.
        """
        self.progress: ProgressMessage | None = None
        self.warnings: list[str] = []
        self.photos: dict[str, str] = {}  # how far single photos are, by path (core/pipeline/observer.py: PhotoState)
        self.previews = 0  # how many there were
        self.preview: Path | None = None  # the last
        self._last: ResultMessage | ErrorMessage | None = None
        self._cancelled, self._log_path = False, log_path
        command = list(launcher or (python or own_python(), "-u", str(HEADLESS)))
        command += [*arguments, "--json-progress", "--supervised"]
        try:
            with _log(log_path) as stderr:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=worker_environment(python),
                    text=True,
                    encoding="utf-8",
                    start_new_session=True,  # Ctrl-C in the terminal is Blender's, not the worker's
                )
        except OSError as error:
            raise ReconstructionError(f"{command[0]} cannot be started ({error}); choose another Python") from error
        self._reader = threading.Thread(target=self._read, name="DUSt3R worker reader", daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """False once the worker has ended and all it said was read."""
        return self._reader.is_alive()

    def wait(self, seconds: float | None = None) -> None:
        """Block until the worker has ended, or for some seconds."""
        self._reader.join(seconds)

    def cancel(self) -> None:
        """End the worker at once; `result` then raises Cancelled. Does nothing to one that has ended."""
        if self._process.poll() is None:
            self._cancelled = True
            self._process.kill()

    def result(self) -> Path:
        """Where the worker left its result. Raises Cancelled, or the error that the worker met, or that it died."""
        self._reader.join()
        code = self._process.wait()
        if self._cancelled:
            raise Cancelled
        if isinstance(self._last, ResultMessage) and code == 0:
            return Path(self._last.path)
        if isinstance(self._last, ErrorMessage):
            raise KINDS.get(self._last.exit_code, ReconstructionError)(self._last.text)
        where = f"; its log is {self._log_path}" if self._log_path else ""
        raise ReconstructionError(f"The worker ended without a result ({_describe(code)}); nothing was changed{where}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._take(line)
        self._process.wait()

    def _take(self, line: str) -> None:
        try:
            message: Message = decode(line)
        except NoMessage as error:
            log.debug("%s", error)
            return
        except ReconstructionError as error:
            log.warning("%s", error)
            return
        if isinstance(message, ProgressMessage):
            self.progress = message
        elif isinstance(message, WarningMessage):
            self.warnings.append(message.text)
        elif isinstance(message, PhotosMessage):
            self.photos |= dict.fromkeys(message.photos, message.state)
        elif isinstance(message, PreviewMessage):
            self.preview, self.previews = Path(message.path), self.previews + 1
        else:
            self._last = message


@contextmanager
def _log(path: Path | None) -> Iterator[IO[bytes] | int]:
    if path is None:
        yield subprocess.DEVNULL
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        yield file


def _describe(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
