"""Keeping Blender off our standard output."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def blender_silenced() -> Iterator[None]:
    """Blender writes every render step to standard output, past Python; ours carries messages."""
    if sys.stdout is None:  # Blender on Windows without a console
        yield
        return
    _flush()
    ours = os.dup(1)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  a device, no path
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            _flush()
            os.dup2(ours, 1)
            os.close(ours)


def _flush() -> None:
    """Python's buffer and the C library's: what Blender printed into that would come out after the silence."""
    sys.stdout.flush()
    ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush(None)
