"""Writing files so that a final name never holds half a file. Imports no torch."""

import errno
import os
import shutil
import stat
import struct
import tempfile
import threading
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import InputError
from .half_written import RENAMED_OPEN, hold

# What NumPy, and the readers below it, raise on damaged .npy and .npz files.
DAMAGED_ARRAYS = (OSError, ValueError, EOFError, SyntaxError, LookupError, TypeError, AttributeError, ArithmeticError)
DAMAGED_ARRAYS += (RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; raises OSError, as `open`, for anything else: a pipe would never answer."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "It is no regular file", str(path))
    return os.fdopen(handle, "rb")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under `path` when the block ends well, and not at all otherwise.

    Raises InputError, naming the path, when it cannot be written (no permission, no space).
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            hold(file)
            try:
                yield file
                file.flush()
            finally:
                written = os.fstat(file.fileno()).st_size
            os.fsync(file.fileno())
            if RENAMED_OPEN:
                partial.replace(path)
        if not RENAMED_OPEN:
            partial.replace(path)
    except OSError as error:
        raise _cannot_write(path, error, written) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError, written: int) -> InputError:
    """The sentence for a disk that refuses: how far it came, and how much room there is now."""
    reason, room = error.strerror or "the disk did not take all of it", ""
    full = written or error.errno in (errno.ENOSPC, errno.EFBIG)
    with suppress(OSError):
        free = shutil.disk_usage(path.parent).free
        room = f" ({written / 1e6:,.2f} MB of it were written, {free / 1e6:,.2f} MB are free)" if full else ""
    return InputError(f"Cannot write {path}: {reason}{room}; free some space or choose another place")


def check_writable(path: Path) -> None:
    """Raise InputError now, rather than after an hour's work, when nothing can be written under `path`."""
    probe = path.with_name(f".{path.name}.{os.getpid()}.probe")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}; choose another place") from error
    if path.is_dir():
        raise InputError(f"Cannot write {path}: it is a folder; give a file name")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone after the block; raises InputError where the system has no place for one."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="dust3r-", ignore_cleanup_errors=True)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"No temporary folder can be made ({reason}); free space or set TMPDIR to another disk"
        ) from error
    with folder as name:
        yield Path(name)
