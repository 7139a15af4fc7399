"""How much memory there is for this process, and what becomes of what it frees. Imports no torch."""

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ReconstructionError

CONTROL_GROUP = Path("/sys/fs/cgroup")
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's names for them
LARGEST_KEPT = 1 << 28  # bytes: larger blocks go back to the system at once
MOST_KEPT = (1 << 31) - 1
LOADING = {"torch": 750 << 20, "bpy": 1250 << 20}  # bytes of addresses: 484 and 1012 MB, and what they begin with
LIBRARIES = (RuntimeError, ImportError, OSError)  # what torch, the loader of libraries and the system raise for it
OUT_OF_MEMORY = re.compile(
    r"(?i)out of memory|n(no|')t allocate memory|bad_alloc|not enough memory|failed to map segment"
)


def reachable_memory() -> int | None:
    """Bytes that this process may hold altogether: what it holds now and what is free; None where nobody says.

    macOS tells only how much there is at all.
    """
    if sys.platform == "linux":
        return _linux()
    if sys.platform == "win32":
        return _windows()
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def peak_memory() -> int | None:
    """Bytes of the most memory this process ever held, or held since `forget_peak`; None where nobody says."""
    if sys.platform == "win32":
        return None
    if sys.platform == "linux":  # its getrusage counts what the process held before it began another program
        held = _kilobytes(Path("/proc/self/status"), "VmHWM")
        if held is not None:
            return held
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Let `peak_memory` begin anew, where the system can do that (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak resident set size


def check_room(library: str) -> None:
    """Raise ReconstructionError where `ulimit -v` leaves less than one of LOADING takes, which would end the process.

    Other libraries, and systems where nobody says, pass.
    """
    needed, room = LOADING.get(library, 0), _room() if library in LOADING else None
    if room is not None and room < needed:
        raise ReconstructionError(
            f"Memory is short: {library} takes {needed >> 20} MB of addresses to load and `ulimit -v` leaves "
            f"{room >> 20} MB; raise the limit, or lift it with `ulimit -v unlimited`"
        )


def shortage(error: BaseException) -> ReconstructionError | None:
    """The sentence for an error that says that memory ran out: what was asked for, what there was; None for others."""
    text = str(error)
    if not isinstance(error, MemoryError) and not (isinstance(error, LIBRARIES) and OUT_OF_MEMORY.search(text)):
        return None
    asked = re.search(r"(?:allocate|allocating) ([\d.]+ ?\w+)", text)
    there = reachable_memory()
    found = f": {asked[1]} more were needed" if asked else ""
    found += f"{' and' if found else ':'} {there / 1e9:.1f} GB can be used altogether" if there else ""
    return ReconstructionError(
        f"Memory ran out{found}; use fewer photos, a sparser scene graph such as swin-3, or a smaller model"
    )


@contextmanager
def shortage_explained() -> Iterator[None]:
    """Errors that say that memory ran out become `shortage`'s within the block."""
    try:
        yield
    except (MemoryError, *LIBRARIES) as error:
        sentence = shortage(error)
        if sentence is None:
            raise
        raise sentence from error


def keep_freed_memory() -> bool:
    """Let this process reuse what it frees from now on instead of giving it back and asking again.

    A network's large maps come and go, and new pages cost more time than filling them. What is free already, such as
    the holes that loading a model leaves, goes back. True where that can be set (glibc).
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "mallopt"):
        return False
    library.malloc_trim(0)
    return bool(library.mallopt(MMAP_THRESHOLD, LARGEST_KEPT) and library.mallopt(TRIM_THRESHOLD, MOST_KEPT))


def _linux() -> int | None:
    held = _kilobytes(Path("/proc/self/status"), "VmRSS")
    free = _kilobytes(Path("/proc/meminfo"), "MemAvailable")
    if held is None or free is None:
        return None
    limits = [held + free, *_container_limit(), *_address_limit(held)]
    return min(limits)


def _container_limit() -> list[int]:
    """What a container may hold, if this is one with a limit."""
    try:
        return [int((CONTROL_GROUP / "memory.max").read_text())]
    except (OSError, ValueError):  # "max", or no such file: no limit
        return []


def _address_limit(held: int) -> list[int]:
    """What may be held under `ulimit -v`, if there is one: what is held, and what is left to ask for."""
    room = _room()
    return [] if room is None else [held + room]


def _room() -> int | None:
    """Bytes of addresses that `ulimit -v` leaves to ask for; None without a limit, and where nobody says."""
    if sys.platform != "linux":
        return None
    import resource

    most, asked = resource.getrlimit(resource.RLIMIT_AS)[0], _kilobytes(Path("/proc/self/status"), "VmSize")
    return None if most == resource.RLIM_INFINITY or asked is None else max(most - asked, 0)


def _kilobytes(path: Path, name: str) -> int | None:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


class _MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX."""

    _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
        (name, ctypes.c_ulonglong) for name in ("total", "free", "pages", "free_pages", "space", "free_space", "extra")
    ]


def _windows() -> int | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    found = ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status))  # pyright: ignore[reportAttributeAccessIssue]
    return int(status.free) if found else None
