"""Writing files so that a final name never holds half a file; leftovers of killed processes are removed. No torch."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import struct
import tempfile
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputError
from .interruption import check_interruption, held_back

# What NumPy, and the readers below it, raise on damaged .npy and .npz files.
DAMAGED_ARRAYS = (OSError, ValueError, EOFError, SyntaxError, LookupError, TypeError, AttributeError, ArithmeticError)
DAMAGED_ARRAYS += (RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError)
LONGEST_TEXT = 64 << 20  # bytes of a text file that we read as a whole: of a job of thousands of photos a few
WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH

_waiting: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("waiting", default=None)  # hidden and final names
_made: ContextVar[list[Path] | None] = ContextVar("made", default=None)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; raises OSError, as `open`, for anything else: a pipe would never answer.

    Whatever reads a file that somebody else named or may have put there opens it here: photos, masks, cameras, models.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "It is no regular file", str(path))
    return os.fdopen(handle, "rb")


def read_text(path: Path) -> str:
    """The text of a regular UTF-8 file of sane length; raises OSError, as `open`, or UnicodeDecodeError otherwise."""
    with open_regular(path) as file:
        data = file.read(LONGEST_TEXT + 1)
    if len(data) > LONGEST_TEXT:
        raise OSError(errno.EFBIG, f"It is longer than {LONGEST_TEXT >> 20} MB", str(path))
    return data.decode("utf-8")


def resolved(path: Path) -> Path:
    """As `Path.resolve`, which until Python 3.13 raises RuntimeError for links that lead in a circle."""
    return Path(os.path.realpath(path))


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under `path` when the block ends well, and not at all otherwise.

    Raises InputError, naming the path, when it cannot be written (no permission, no space) or must not be
    (`check_replaceable`).
    """
    check_replaceable(path)
    partial, written = hidden_name(path), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            hold(file)
            try:
                yield file
                file.flush()
            finally:
                written = os.fstat(file.fileno()).st_size
            os.fsync(file.fileno())
            if RENAMED_OPEN:
                _name(partial, path)
        if not RENAMED_OPEN:
            _name(partial, path)
    except OSError as error:
        raise _cannot_write(path, error, written) from error
    finally:
        _remove_unless_waiting(partial)


@contextmanager
def named_when_whole(path: Path) -> Iterator[Path]:
    """For programs that write by name: what lies under the hidden name given when the block ends well becomes `path`.

    The hidden name has the same suffix. Raises InputError as `replacing` does.
    """
    check_replaceable(path)
    partial = hidden_name(path)
    partial = partial.with_name(partial.name + path.suffix)
    try:
        yield partial
        _name(partial, path)
    except OSError as error:
        raise _cannot_write(path, error, 0) from error
    finally:
        _remove_unless_waiting(partial)


@contextmanager
def together() -> Iterator[None]:
    """Files that are written inside of the block appear when it ends well, all at once, and none of them otherwise.

    Only those written by the thread that enters it. Signals that end a run wait while the files get their names.
    Raises InputError where one of them cannot get its name, Cancelled where a signal came and a library swallowed it.
    """
    waiting: list[tuple[Path, Path]] = []
    token = _waiting.set(waiting)
    try:
        try:
            yield
        finally:
            _waiting.reset(token)
        check_interruption()
        with held_back():
            _name_all(waiting)
    finally:
        for partial, _ in waiting:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


@contextmanager
def recorded() -> Iterator[list[Path]]:
    """The files that got their names inside of the block, by the thread that enters it."""
    made: list[Path] = []
    token = _made.set(made)
    try:
        yield made
    finally:
        _made.reset(token)


def record(path: Path) -> None:
    """Say that a file or folder has got its name, to `recorded`; what this module writes is recorded already."""
    made = _made.get()
    if made is not None:
        made.append(path)


def hidden_name(path: Path) -> Path:
    """A new name beside `path`, which nobody can foresee, for what is not whole yet (half_written.NAME)."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")


def check_replaceable(path: Path) -> None:
    """Raise InputError unless `path` is free, or a file that may be replaced: no link, folder or device, not read-only.

    A read-only file is one whose mode lets nobody write, whoever asks: root may write all.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}; choose another name") from error
    if stat.S_ISLNK(mode):
        raise InputError(f"Cannot write {path}: it is a link; name the file that it leads to, or another")
    if stat.S_ISDIR(mode):
        raise InputError(f"Cannot write {path}: it is a folder; give a file name")
    if not stat.S_ISREG(mode):
        raise InputError(f"Cannot write {path}: it is a device, a pipe or a socket; choose another name")
    if not mode & WRITABLE:
        raise InputError(f"Cannot write {path}: it is read-only; make it writable or choose another name")


def _name(partial: Path, path: Path) -> None:
    """Give a whole file its name, or leave that to the end of `together`."""
    waiting = _waiting.get()
    if waiting is not None:
        waiting.append((partial, path))
        return
    check_replaceable(path)
    partial.replace(path)
    record(path)


def _name_all(waiting: list[tuple[Path, Path]]) -> None:
    for _, path in waiting:
        check_replaceable(path)
    for partial, path in waiting:
        try:
            _name(partial, path)
        except OSError as error:
            raise _cannot_write(path, error, 0) from error


def _remove_unless_waiting(partial: Path) -> None:
    if not any(partial == one for one, _ in _waiting.get() or ()):
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
    check_replaceable(path)
    probe = hidden_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}; choose another place") from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all; raises InputError when that is not possible."""
    with replacing(path) as file:
        file.write(json.dumps(content, indent=1).encode())


def file_digest(path: Path) -> str:
    """The sha256 of a file's content in hexadecimal digits; "" where it cannot be read."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone after the block; raises InputError where the system has no place for one."""
    with ExitStack() as after:
        try:
            with held_back():  # a signal between the folder and who removes it would leave the folder
                folder = tempfile.TemporaryDirectory(prefix="dust3r-", ignore_cleanup_errors=True)
                name = after.enter_context(folder)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"No temporary folder can be made ({reason}); free space or set TMPDIR to another disk"
            ) from error
        yield Path(name)


try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

RENAMED_OPEN = fcntl is not None  # while its writer still holds it
MARK = r"([0-9a-f]{12}|\d+-\d+)\.part"  # what `files.hidden_name` appends, and what versions before it did
NAME = re.compile(rf"\.(?P<final>.+)\.{MARK}")
NEW = 60.0  # seconds for which an empty one may be about to get its lock


def hold(file: BinaryIO) -> None:
    """Lock a file that is about to be written, until it is closed; on disks without locks in vain."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_abandoned(folder: Path, final: re.Pattern[str]) -> None:
    """Remove from a folder, not from those in it, what nobody is writing any more; final: the names it would have got.

    What is not ours by its name, no file of its own, or cannot be removed stays.
    """
    with suppress(OSError):
        for path in list(folder.iterdir()):
            name = NAME.fullmatch(path.name)
            if name and final.fullmatch(name["final"]):
                _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    with suppress(OSError):  # gone meanwhile, or somebody is writing it
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or (status.st_size == 0 and time.time() - status.st_mtime < NEW):
            return
        if fcntl is None:
            path.unlink()
            return
        with _opened(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _opened(path: Path) -> BinaryIO:
    """To be written, as some network disks lock nothing else; not what has become a link or a pipe meanwhile."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK), "r+b")
