"""Files of `files.replacing` that a killed process has left half written. Imports no torch.

A process that writes holds a lock on its file, which ends with it; where there are no such locks, on Windows, the
system refuses to remove what is open.
"""

import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

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
