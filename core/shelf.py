"""Named arrays, in memory or as files of a folder: what a job has worked out so far. Imports no torch."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .files import DAMAGED_ARRAYS, replacing, temporary_folder

Name = tuple[str, str]  # (kind, name)
MOST_MAPS = 10240  # macOS refuses more

log = logging.getLogger(__name__)


class Shelf(Protocol):
    """Arrays by kind and name. They come back to the last bit; none is changed after it was put."""

    def put(self, kind: str, name: str, array: NDArray[Any]) -> None: ...

    def get(self, kind: str, name: str) -> NDArray[Any] | None:
        """The array; None when there is none, or only a damaged one."""
        ...

    def has(self, kind: str, name: str) -> bool: ...

    def drop(self, kind: str, name: str) -> None: ...

    def use(self, kind: str, name: str) -> None:
        """Note that it is of use: what was not for longest goes first where space is short."""
        ...

    def names(self, kind: str) -> list[str]:
        """All names of a kind, sorted."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryShelf:
    """Everything stays in this process."""

    arrays: dict[Name, NDArray[Any]] = field(default_factory=dict)

    def put(self, kind: str, name: str, array: NDArray[Any]) -> None:
        self.arrays[kind, name] = array

    def get(self, kind: str, name: str) -> NDArray[Any] | None:
        return self.arrays.get((kind, name))

    def has(self, kind: str, name: str) -> bool:
        return (kind, name) in self.arrays

    def drop(self, kind: str, name: str) -> None:
        self.arrays.pop((kind, name), None)

    def use(self, kind: str, name: str) -> None:
        """Nothing in memory goes."""

    def names(self, kind: str) -> list[str]:
        return sorted(name for found, name in self.arrays if found == kind)


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """One .npy file an array, whole or not there; several processes may share the folder. Arrays are memory-mapped."""

    folder: Path

    def put(self, kind: str, name: str, array: NDArray[Any]) -> None:
        """Raises InputError when it cannot be written."""
        with replacing(self._path(kind, name)) as file:
            np.save(file, array, allow_pickle=False)

    def get(self, kind: str, name: str) -> NDArray[Any] | None:
        try:
            return np.load(self._path(kind, name), mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            return None
        except DAMAGED_ARRAYS as error:
            log.warning("%s is damaged (%s) and counts as missing", self._path(kind, name), error)
            return None

    def has(self, kind: str, name: str) -> bool:
        return self._path(kind, name).is_file()

    def drop(self, kind: str, name: str) -> None:
        with suppress(OSError):  # another process may be reading it, where that keeps files alive
            self._path(kind, name).unlink(missing_ok=True)

    def use(self, kind: str, name: str) -> None:
        now = time.time_ns()  # the system's own stamps are too coarse to tell the order
        with suppress(OSError):  # there is none, or it is another user's
            os.utime(self._path(kind, name), ns=(now, now))

    def names(self, kind: str) -> list[str]:
        """Raises InputError when the folder cannot be read."""
        try:
            return sorted(path.stem for path in (self.folder / kind).glob("[!.]*.npy"))
        except OSError as error:
            raise InputError(f"Cannot read {self.folder}: {error.strerror or error}; check its permissions") from error

    def _path(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{name}.npy"


def allow_many_maps() -> None:
    """Let this process map as many arrays as a large job has: mapped files count as open, and some allow 256."""
    if sys.platform == "win32":  # maps do not count there
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_MAPS if hard == resource.RLIM_INFINITY else min(hard, MOST_MAPS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextmanager
def temporary_shelf(on_disk: bool) -> Iterator[Shelf]:
    """A shelf for one piece of work."""
    if not on_disk:
        yield MemoryShelf()
        return
    with temporary_folder() as folder:
        yield FolderShelf(folder)
