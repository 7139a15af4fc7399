"""What the network has said, kept from job to job in a folder that stays within a size. Imports no torch.

The arrays (core/inference/array_store.py) lie under VERSION/DEVICE/MODEL/PRECISION. Whatever else the folder holds is
left alone.
"""

import logging
import os
import re
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..io.atomic import MARK
from ..version import VERSION

LOCK = "in_use.sqlite"  # stays empty: SQLite has shared locks on every system, which end with their process
PATIENCE = 60.0  # seconds that a job waits for a pruning to end
ABANDONED = 24 * 3600.0  # seconds after which nobody writes a half-written file any more
LEVELS = 5  # of folders above a file: VERSION, DEVICE, MODEL, PRECISION, kind
_KEY = "[0-9a-f]{32}"
_ARRAY = rf"{_KEY}(-{_KEY}-[01])?\.npy"
OWN = re.compile(rf"[^/]+/[a-z]+/[0-9a-f]{{16}}/(float32|half)/[a-z]+/({_ARRAY}|(?P<partial>\.{_ARRAY}\.{MARK}))")

log = logging.getLogger(__name__)


class _Entry(NamedTuple):
    """One file of ours; they sort by when they were last used."""

    used: int  # nanoseconds since 1970
    path: Path
    size: int  # bytes
    partial: bool  # being written, or left by a process that was killed


def array_stores(folder: Path, device: str) -> Path:
    """Where in a cache the models' array stores lie: another version may say something else.

    Each device ("cpu", "cuda", ...) has its own, and so settles on a precision of its own.
    """
    return folder / VERSION / device


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """Nothing of the cache is removed while the block runs, in this process or another.

    Raises InputError where the cache cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = _connect(folder, PATIENCE)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(folder, error) from error
    with closing(connection):
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only reading takes the shared lock
        except sqlite3.Error as error:
            raise _unusable(folder, error) from error
        yield


def size(folder: Path) -> int:
    """Bytes of the cache's files."""
    return sum(entry.size for entry in _entries(folder))


def prune(folder: Path, most: int) -> None:
    """Remove what was not used for longest until at most `most` bytes are left, and what killed processes left.

    Does nothing while a job uses the cache: the last one's end is early enough.
    """
    with _alone(folder) as alone:
        if not alone:
            return
        entries = sorted(_entries(folder))
        _remove([entry for entry in entries if entry.partial and entry.used < (time.time() - ABANDONED) * 1e9])
        arrays = [entry for entry in entries if not entry.partial]
        _remove(arrays, sum(entry.size for entry in arrays) - most)


def clear(folder: Path) -> None:
    """Remove all files of the cache; raises InputError, and removes none, while a job uses them."""
    with _alone(folder) as alone:
        if not alone:
            raise InputError(f"{folder} is in use; wait until all reconstructions have ended, then clear it again")
        _remove(list(_entries(folder)))


def _entries(folder: Path) -> Iterator[_Entry]:
    for place, _, names in os.walk(folder):  # follows no links
        for name in names:
            path = Path(place, name)
            own = OWN.fullmatch(path.relative_to(folder).as_posix())
            with suppress(OSError):  # gone meanwhile
                status = path.lstat()
                if own and stat.S_ISREG(status.st_mode):
                    yield _Entry(status.st_mtime_ns, path, status.st_size, own["partial"] is not None)


def _remove(entries: list[_Entry], excess: float = float("inf")) -> None:
    """Remove files, in this order, and folders that are empty then, until `excess` bytes are gone."""
    for entry in entries:
        if excess <= 0:
            return
        try:
            entry.path.unlink()
            excess -= entry.size
            with suppress(OSError):  # some folder holds more
                for parent in entry.path.parents[:LEVELS]:
                    parent.rmdir()
        except OSError as error:
            log.warning("%s cannot be removed (%s)", entry.path, error)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """True where no job uses the cache; none begins before the block ends."""
    try:
        connection = _connect(folder, 0)
    except sqlite3.Error as error:
        log.warning("%s cannot be locked (%s)", folder, error)
        yield False
        return
    with closing(connection):
        yield _locked(connection)


def _locked(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        log.info("The cache is left as it is (%s)", error)
        return False
    return True


def _connect(folder: Path, patience: float) -> sqlite3.Connection:
    return sqlite3.connect(folder / LOCK, timeout=patience, isolation_level=None)


def _unusable(folder: Path, error: Exception) -> InputError:
    return InputError(f"{folder} cannot be used as a cache ({error}); set the preference Cache Size to 0 to do without")
