"""A job folder for every scene, which stays: its next job, or the rest of an interrupted one, finds what is known.

Under one root lies KEY, and KEY-2, ... while several programs have the same scene open. Imports no torch.
"""

import hashlib
import json
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from ..errors import InputError
from ..io.atomic import read_text, write_json
from ..io.validation import record_of

BEGUN, LOCK = "begun.json", "in_use.sqlite"  # of a folder; the lock ends with its process, on every system
KEY = 16  # characters
KEPT = 100  # folders; beyond, those that were not used for longest go

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """What has to be known, besides its job.json, to go on with a job that was begun; gone once it has ended."""

    photos: int  # how many
    name: str  # of the result
    display_percentage: float
    photo_frames: bool = False  # whether each photo gets a frame of the timeline
    replaces: str = ""  # name of the collection that the result takes the place of

    def save(self, folder: Path) -> None:
        """Say in a job folder that its job has begun; raises InputError when that is not possible."""
        write_json(folder / BEGUN, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> "Begun | None":
        """What was begun in a job folder and has not ended; None where nothing was, or where that cannot be read."""
        try:
            return record_of(cls, json.loads(read_text(folder / BEGUN)))
        except FileNotFoundError:
            return None
        except (OSError, TypeError, ValueError, RecursionError) as error:
            log.warning("What was begun in %s cannot be read (%s)", folder, error)
            return None


class Lease:
    """A job folder that nobody else works in, until `release` or the end of the process."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder, self._connection = folder, connection

    @classmethod
    def of(cls, folder: Path) -> "Lease | None":
        """That of a folder, which is made; None where another has it. Raises InputError where there can be none."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"{folder} cannot be used for jobs ({error}); check its permissions") from error
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            connection.close()
            return None
        return cls(folder, connection)

    def release(self) -> None:
        """Let others work there."""
        self._connection.close()


def take_folder(root: Path, file: str, scene: str) -> Lease:
    """The job folder of a scene in a file ("": one that was never saved); raises InputError where there can be none."""
    leases = (Lease.of(folder) for folder in _folders(root, file, scene))
    return next(lease for lease in leases if lease is not None)


def interrupted(root: Path, file: str, scene: str) -> Path | None:
    """The job folder of a scene whose job was begun and has not ended, though nobody is at it."""
    for folder in _folders(root, file, scene):
        if not folder.is_dir():
            return None
        if Begun.load(folder) is not None and _is_free(folder):
            return folder
    return None


def end(folder: Path) -> None:
    """The job has ended, one way or the other: there is nothing to go on with."""
    with suppress(OSError):
        (folder / BEGUN).unlink(missing_ok=True)


def move(root: Path, before: tuple[str, str], after: tuple[str, str]) -> None:
    """The folder of a (file, scene) becomes that of another, unless that has one or somebody is at it."""
    source, target = next(_folders(root, *before)), next(_folders(root, *after))
    if source.is_dir() and not target.exists() and _is_free(source):
        try:
            source.rename(target)
        except OSError as error:
            log.warning("%s cannot be renamed (%s)", source, error)


def size(root: Path) -> int:
    """Bytes of all job folders."""
    return sum(map(_bytes, _all(root)))


def prune(root: Path, most: int, kept: int = KEPT) -> None:
    """Remove the folders that were not used for longest until `kept`, of at most `most` bytes together, are left.

    Those that are in use stay; so do those of interrupted jobs, as long as they are among the `kept`.
    """
    left = most
    for place, folder in enumerate(sorted(_all(root), key=_used, reverse=True)):
        taken = _bytes(folder)
        if place >= kept or (taken > left and not (folder / BEGUN).exists()):
            _remove(folder)
        else:
            left -= taken


def clear(root: Path) -> None:
    """Remove all job folders but those that are in use."""
    for folder in _all(root):
        _remove(folder)


def _folders(root: Path, file: str, scene: str) -> Iterator[Path]:
    key = hashlib.sha256(f"{file}\0{scene}".encode("utf-8", "surrogatepass")).hexdigest()[:KEY]
    return (root / (key if number == 1 else f"{key}-{number}") for number in count(1))


def _all(root: Path) -> list[Path]:
    try:
        return [folder for folder in root.iterdir() if (folder / LOCK).is_file() and not folder.is_symlink()]
    except OSError:
        return []


def _is_free(folder: Path) -> bool:
    lease = Lease.of(folder)
    if lease is not None:
        lease.release()
    return lease is not None


def _used(folder: Path) -> float:
    """When it last was."""
    with suppress(OSError):
        return (folder / "job.json").stat().st_mtime
    return 0.0


def _bytes(folder: Path) -> int:
    sizes = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            sizes += path.lstat().st_size
    return sizes


def _remove(folder: Path) -> None:
    if _is_free(folder):
        shutil.rmtree(folder, ignore_errors=True)
