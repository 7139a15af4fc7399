"""Standard streams that are closed, limited to ASCII, full, or no longer read."""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from ..core.errors import ReconstructionError

STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}  # by their numbers, with how each is used


def mend_streams() -> None:
    """Reopen standard streams that the caller has closed, and let the outputs take any character.

    Otherwise the next file to be opened would get the free descriptor, and what libraries print.
    """
    for number, (name, mode) in enumerate(STREAMS.items()):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free descriptor: this one
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(number, mode, closefd=False), encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def put(text: str, stream: TextIO) -> None:
    """Write and flush. Where the reader has ended (`| head -1`) the output is discarded from then on.

    Raises ReconstructionError where the stream cannot be written, as on a full disk; later output is discarded.
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
    """Write to standard error and flush both outputs; what cannot be written is lost."""
    for stream, more in ((sys.stdout, ""), (sys.stderr, text)):
        with suppress(ReconstructionError):
            put(more, stream)


def _silence(stream: TextIO) -> None:
    """Discard what is written from now on, and what the stream still buffers."""
    with suppress(OSError, ValueError):  # a stream without a number
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
