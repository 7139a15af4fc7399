"""The boxes that HEIC photos and movies of phones are made of (ISO 14496-12). Imports no torch."""

import struct
from collections.abc import Iterator
from pathlib import Path

FULL = 4  # bytes of version and flags that begin a full box


def top_level(path: Path, wanted: bytes) -> bytes:
    """The content of the only box of this kind; what else there is, pictures and sound themselves, is passed over.

    Raises ValueError, struct.error or OSError where there is not exactly one.
    """
    found = []
    with path.open("rb") as file:
        while header := file.read(8):
            size, kind = struct.unpack(">I4s", header)
            if size == 1:
                size = struct.unpack(">Q", file.read(8))[0] - 8
            content = size - 8 if size else path.stat().st_size - file.tell()
            if content < 0:
                raise ValueError("a box is shorter than its own header")
            if kind == wanted:
                found.append(file.read(content))
            else:
                file.seek(content, 1)
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} boxes {wanted.decode()}, not one")
    return found[0]


def boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the boxes in a row from `at` on. Raises ValueError or struct.error for damaged ones."""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, at + 8), 16
        end = at + size if size else len(data)
        if end < at + head or end > len(data):
            raise ValueError("a box is longer than what holds it")
        yield kind, data[at + head : end]
        at = end
