"""How the command line speaks: to a person, to a program, or not at all."""

import sys
import time
from typing import Protocol, TextIO

from ..core.progress import Progress
from ..core.protocol import ErrorMessage, Message, ProgressMessage, ResultMessage, WarningMessage, encode


class Output(Protocol):
    """Where a verb sends what it has to say."""

    def progress(self, progress: Progress) -> None: ...
    def warning(self, text: str) -> None: ...
    def say(self, text: str) -> None: ...
    def result(self, path: str, text: str) -> None: ...
    def error(self, text: str, exit_code: int) -> None: ...


class Quiet:
    """Only errors, on standard error."""

    def progress(self, progress: Progress) -> None: ...

    def warning(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...

    def result(self, path: str, text: str) -> None: ...

    def error(self, text: str, exit_code: int) -> None:
        print(text, file=sys.stderr, flush=True)


class Terminal:
    """One line that grows on a terminal; a line every few seconds where the output is a file."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._next, self._stage, self._open = 0.0, "", False

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next and progress.stage == self._stage and progress.share < 1:
            return
        self._next, self._stage = now + (0.2 if self._live else 5.0), progress.stage
        line = f"{progress.stage} {progress.done}/{progress.total}, {progress.share:4.0%}{_left(progress)}"
        self._stream.write(f"\r\033[K{line}" if self._live else f"{line}\n")
        self._stream.flush()
        self._open = self._live

    def warning(self, text: str) -> None:
        self.say(f"Warning: {text}")

    def say(self, text: str) -> None:
        self._close_line()
        print(text, file=self._stream, flush=True)

    def result(self, path: str, text: str) -> None:
        self.say(text)

    def error(self, text: str, exit_code: int) -> None:
        self._close_line()
        print(text, file=sys.stderr, flush=True)

    def _close_line(self) -> None:
        if self._open:
            self._stream.write("\r\033[K")
            self._open = False


class JsonLines:
    """The worker's protocol on standard output (core/protocol.py); errors in plain words on standard error too."""

    def __init__(self) -> None:
        self._next, self._stage = 0.0, ""

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next and progress.stage == self._stage and progress.share < 1:
            return
        self._next, self._stage = now + 0.1, progress.stage
        seconds = None if progress.seconds_left is None else round(progress.seconds_left, 1)
        self._send(ProgressMessage(progress.stage, progress.done, progress.total, round(progress.share, 4), seconds))

    def warning(self, text: str) -> None:
        self._send(WarningMessage(text))

    def say(self, text: str) -> None: ...

    def result(self, path: str, text: str) -> None:
        self._send(ResultMessage(path))

    def error(self, text: str, exit_code: int) -> None:
        self._send(ErrorMessage(text, exit_code))
        print(text, file=sys.stderr, flush=True)

    def _send(self, message: Message) -> None:
        print(encode(message), flush=True)


def _left(progress: Progress) -> str:
    if progress.seconds_left is None:
        return ""
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    return f", {minutes} min {seconds:02d} s left" if minutes else f", {seconds} s left"
