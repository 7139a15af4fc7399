"""Large files cut into parts, for machines that take or give back small ones only. Imports no torch."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError
from ..core.io.atomic import replacing


@dataclass(frozen=True, slots=True)
class Part:
    """One of the files that a larger one was cut into."""

    file: str  # name, in the folder of the run
    bytes: int
    sha256: str


def write_parts(folder: Path, stem: str, whole: bytes, part_bytes: int) -> list[Part]:
    """Cut into stem-000.part, stem-001.part, ... of at most part_bytes each (0: one file)."""
    content, parts = memoryview(whole), []
    size = part_bytes or len(content)
    for start in range(0, len(content), size):
        piece, path = content[start : start + size], folder / f"{stem}-{len(parts):03}.part"
        with replacing(path) as file:
            file.write(piece)
        parts.append(Part(path.name, len(piece), hashlib.sha256(piece).hexdigest()))
    return parts


def read_parts(folder: Path, parts: Iterable[Part]) -> bytes:
    """What `write_parts` cut; raises InputError, naming the part that is missing or damaged."""
    whole = []
    for part in parts:
        path = folder / part.file
        try:
            whole.append(path.read_bytes())
        except OSError as error:
            raise InputError(f"Cannot read {path}: {error.strerror or error}; copy all parts of the run") from error
        if len(whole[-1]) != part.bytes or hashlib.sha256(whole[-1]).hexdigest() != part.sha256:
            raise InputError(f"{path} is damaged; copy it again")
    return b"".join(whole)


def drop_other_parts(folder: Path, kind: str, parts: Sequence[Part]) -> None:
    """Remove the parts called kind-... that are none of these: those of an earlier file."""
    kept = {part.file for part in parts}
    for path in folder.glob(f"{kind}-*.part"):
        if path.name not in kept:
            with suppress(OSError):
                path.unlink()
