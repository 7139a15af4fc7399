"""Standard streams that are closed, take few characters, or are read by nobody any more."""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from ..core.errors import ReconstructionError

STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}  # by their numbers, with how each is used


def mend_streams() -> None:
    """Open what the caller has closed of this process's standard streams, and let its output take any character.

    A number that is free goes to the next file that is opened, and what libraries print goes into that file.
    """
    for number, (name, mode) in enumerate(STREAMS.items()):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(number, mode, closefd=False), encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def put(text: str, stream: TextIO) -> None:
    """Write and flush. Where the reader has gone (`| head -1`) the work goes on in silence.

    Raises ReconstructionError where the stream cannot be written, such as onto a full disk; it is silent from then on.
    """
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        said = f"The output cannot be written ({error.strerror or error}); send it elsewhere, or use --quiet"
        raise ReconstructionError(said) from error


def put_last(text: str = "") -> None:
    """Write to standard error, and both outputs' rest; what cannot be written is lost: there is nowhere to say so."""
    for stream, more in ((sys.stdout, ""), (sys.stderr, text)):
        with suppress(ReconstructionError):
            put(more, stream)


def _silence(stream: TextIO) -> None:
    """What is written from now on, and what the stream still holds, goes nowhere."""
    with suppress(OSError, ValueError):  # a stream without a number
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
