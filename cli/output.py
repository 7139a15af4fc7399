"""The output of the command line: text for a terminal, JSON messages for a program, or errors only."""

import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TextIO

from ..core.io.interruption import check_interruption
from ..core.io.plain_text import plain, plain_lines
from ..core.jobs.job import preview_file
from ..core.jobs.messages import (
    ErrorMessage,
    Message,
    PhotosMessage,
    PreviewMessage,
    ProgressMessage,
    ResultMessage,
    WarningMessage,
    encode,
)
from ..core.pipeline.observer import Observer, PhotoState
from ..core.progress import Progress, amount
from ..core.quality.statistics import find_caveats
from ..core.quality.verdict import judge
from ..core.reconstruction.preview import Preview
from ..core.reconstruction.result import Reconstruction, confirmed_share
from .streams import put, put_last


class Output(Protocol):
    """Where a verb sends progress, warnings, text and its result."""

    def progress(self, progress: Progress) -> None: ...  # raises Cancelled after a signal that a library swallowed
    def observer(self, folder: Path) -> Observer: ...
    def warning(self, text: str) -> None: ...
    def say(self, text: str) -> None: ...
    def result(self, path: str, text: str) -> None: ...
    def error(self, text: str, exit_code: int) -> None: ...


class Unwatched:
    """Output without the states of single photos and without previews."""

    def observer(self, folder: Path) -> Observer:
        return Observer()


class Quiet(Unwatched):
    """Only errors, on standard error."""

    def progress(self, progress: Progress) -> None:
        check_interruption()

    def warning(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...

    def result(self, path: str, text: str) -> None: ...

    def error(self, text: str, exit_code: int) -> None:
        put_last(f"{plain(text)}\n")


class Pace:
    """Limits progress to one report in some seconds; a new stage and the end of the job always pass."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next, self._last = seconds, 0.0, ("", 0.0)

    def allows(self, progress: Progress) -> bool:
        now, state = time.monotonic(), (progress.stage, progress.share)
        is_new = progress.stage != self._last[0] or (progress.share == 1 and state != self._last)
        if not is_new and now < self._next:
            return False
        self._next, self._last = now + self._seconds, state
        return True


class Terminal(Unwatched):
    """Text: one line that is rewritten on a terminal; a line every few seconds where the output is a file."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._pace, self._open = Pace(0.2 if self._live else 5.0), False

    def progress(self, progress: Progress) -> None:
        check_interruption()
        if not self._pace.allows(progress):
            return
        line = (
            f"{plain(progress.stage)} {amount(progress.done, progress.total)}, {progress.share:4.0%}{_left(progress)}"
        )
        put(f"\r\033[K{line}" if self._live else f"{line}\n", self._stream)
        self._open = self._live

    def warning(self, text: str) -> None:
        self.say(f"Warning: {plain(text)}")

    def say(self, text: str) -> None:
        self._close_line()
        put(f"{plain_lines(text)}\n", self._stream)

    def result(self, path: str, text: str) -> None:
        self.say(text)

    def error(self, text: str, exit_code: int) -> None:
        self._close_line()
        put_last(f"{plain(text)}\n")

    def _close_line(self) -> None:
        if self._open:
            put("\r\033[K", self._stream)
            self._open = False


class JsonLines:
    """JSON messages (core/jobs/messages.py) on standard output; errors as text on standard error too."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._pace = Pace(0.1)

    def progress(self, progress: Progress) -> None:
        check_interruption()
        if not self._pace.allows(progress):
            return
        seconds = None if progress.seconds_left is None else round(progress.seconds_left, 1)
        self._send(ProgressMessage(progress.stage, progress.done, progress.total, round(progress.share, 4), seconds))

    def observer(self, folder: Path) -> Observer:
        """An observer that writes its previews into a job's folder."""
        return Observer(self._photos, partial(self._preview, preview_file(folder)))

    def warning(self, text: str) -> None:
        self._send(WarningMessage(plain(text)))

    def say(self, text: str) -> None: ...

    def result(self, path: str, text: str) -> None:
        self._send(ResultMessage(path))

    def error(self, text: str, exit_code: int) -> None:
        put_last(f"{plain(text)}\n")
        self._send(ErrorMessage(plain(text), exit_code))

    def _photos(self, state: PhotoState, photos: Sequence[Path]) -> None:
        self._send(PhotosMessage(state, tuple(map(str, photos))))

    def _preview(self, path: Path, preview: Preview) -> None:
        preview.save(path)
        self._send(PreviewMessage(str(path)))

    def _send(self, message: Message) -> None:
        put(f"{encode(message)}\n", self._stream)


def undisturbed_output() -> TextIO:
    """Standard output for the caller alone: from now on what libraries print goes to standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    return stream


def with_caveats(text: str, result: Reconstruction) -> str:
    """The text on a finished result, followed by the verdict on its cameras and its caveats, one a line."""
    components = [view.component for view in result.views]
    connected = [component == max(components, key=components.count) for component in components]
    evidence, focals = zip(*((view.evidence, view.focal_source) for view in result.views), strict=True)
    verdict = judge(evidence, connected, focals, result.synthetic)
    caveats = find_caveats(result.synthetic, focals, confirmed_share(result.views))
    return "\n".join((text, verdict.text(), *caveats))


def photo_count(count: int) -> str:
    """Such as "1 photo", "8 photos"."""
    return f"{count} photo{'' if count == 1 else 's'}"


def _left(progress: Progress) -> str:
    if progress.seconds_left is None:
        return ""
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    return f", {minutes} min {seconds:02d} s left" if minutes else f", {seconds} s left"
