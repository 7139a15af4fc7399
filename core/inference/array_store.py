"""Named arrays, in memory or as files of a folder: what a job has worked out so far. Imports no torch."""

import io
import logging
import mmap
import os
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..io.atomic import DAMAGED_ARRAYS, open_regular, replacing, temporary_folder

Name = tuple[str, str]  # (kind, name)
MOST_MAPS = 10240  # macOS refuses more
CHECKSUM = 4  # bytes at a file's end: the CRC-32 of all before, little-endian; NumPy's own readers skip them

log = logging.getLogger(__name__)


class ArrayStore(Protocol):
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
class MemoryStore:
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
class FolderStore:
    """One .npy file an array, whole or not there; several processes may share the folder. Arrays are memory-mapped.

    A checksum tells a damaged file, which is removed and counts as missing. It is compared once, when a file that
    another FolderStore has written is read for the first time.
    """

    folder: Path
    _sound: set[Name] = field(default_factory=set, init=False, repr=False, compare=False)  # need no comparing

    def put(self, kind: str, name: str, array: NDArray[Any]) -> None:
        """Raises InputError when it cannot be written."""
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        with replacing(self._path(kind, name)) as file:
            file.write(stream.getbuffer())
            file.write(zlib.crc32(stream.getbuffer()).to_bytes(CHECKSUM, "little"))
        self._sound.add((kind, name))

    def get(self, kind: str, name: str) -> NDArray[Any] | None:
        try:
            array = _mapped(self._path(kind, name), (kind, name) not in self._sound)
        except FileNotFoundError:
            return None
        except DAMAGED_ARRAYS as error:
            log.warning("%s is damaged (%s) and counts as missing", self._path(kind, name), error)
            self.drop(kind, name)
            return None
        self._sound.add((kind, name))
        return array

    def has(self, kind: str, name: str) -> bool:
        return self._path(kind, name).is_file()

    def drop(self, kind: str, name: str) -> None:
        self._sound.discard((kind, name))
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


def _mapped(path: Path, compare: bool) -> NDArray[Any]:
    """The array of a file that `FolderStore.put` wrote; compare: with its checksum. Raises some of DAMAGED_ARRAYS."""
    with open_regular(path) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("its version of .npy is not ours")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if compare and zlib.crc32(data[:-CHECKSUM]).to_bytes(CHECKSUM, "little") != data[-CHECKSUM:]:
            raise ValueError("its checksum is another")
        flat = np.frombuffer(data[file.tell() : -CHECKSUM], dtype)
    return flat.reshape(shape, order="F" if fortran_order else "C")


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
def temporary_store(on_disk: bool) -> Iterator[ArrayStore]:
    """A store for one piece of work."""
    if not on_disk:
        yield MemoryStore()
        return
    with temporary_folder() as folder:
        yield FolderStore(folder)
