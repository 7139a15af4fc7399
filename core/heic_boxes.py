"""How many pixels a HEIC file makes its reader decode, by its boxes (ISO 23008-12, ISO 14496-12). Imports no torch.

The size that the reader tells beforehand says little: a picture may be cropped to a corner, or be put together from
tiles that are named a thousand times, so that a few kilobytes keep it busy for hours.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

FULL = 4  # bytes of version and flags that begin a full box
MOST_SHARES = 4  # pictures that a tile, mask, depth or gain map may be part of
Reference = tuple[bytes, int, tuple[int, ...]]  # kind, item, the items that it names


def decoded_pixels(path: Path) -> int:
    """Of the photo and all that belongs to it: tiles, transparency, small picture, depth, gain map.

    Raises ValueError, LookupError or struct.error for damaged boxes, and where one picture is to be decoded many times.
    """
    meta = list(_boxes(_top_level(path, b"meta"), FULL))
    items = list(_items(_only(meta, b"iinf")))
    kinds, references = dict(items), list(_references(_only(meta, b"iref")))
    needed = _needed(_primary(_only(meta, b"pitm")), references)
    if len(kinds) < len(items) or b"iovl" in {kinds.get(item) for item in needed}:  # an overlay's canvas has no bound
        raise ValueError("it puts pictures together as no phone does")
    sizes = _sizes(list(_boxes(_only(meta, b"iprp"))))
    return sum(sizes.get(item, 0) for item in needed if kinds.get(item) != b"grid")


def _needed(primary: int, references: list[Reference]) -> set[int]:
    """The items that belong to this one, and itself."""
    uses = [(item, part) for kind, item, named in references for part in named if kind == b"dimg"]
    uses += [(owner, item) for kind, item, named in references for owner in named if kind in {b"auxl", b"thmb"}]
    shares = Counter(part for _, part in uses)
    if max(shares.values(), default=0) > MOST_SHARES:
        raise ValueError("it uses one picture many times")
    needed, new = {primary}, {primary}
    while new:
        new = {part for owner, part in uses if owner in new} - needed
        needed |= new
    return needed


def _top_level(path: Path, wanted: bytes) -> bytes:
    """The content of the only box of this kind; what else there is, the pictures themselves, is passed over."""
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
        raise ValueError(f"{len(found)} boxes list its pictures, not one")
    return found[0]


def _boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the boxes in a row from `at` on."""
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


def _only(boxes: list[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    """The content of the box of this kind; nothing where there is none."""
    found = [content for kind, content in boxes if kind == wanted]
    if len(found) > 1:
        raise ValueError(f"it has {len(found)} boxes {wanted.decode()}, not one")
    return found[0] if found else b""


def _primary(pitm: bytes) -> int:
    """The item that is the photo."""
    (item,) = struct.unpack_from(">I" if pitm[:1] > b"\0" else ">H", pitm, FULL)
    return item


def _items(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and kind of every item."""
    for kind, content in _boxes(iinf, FULL + (4 if iinf[:1] > b"\0" else 2)):
        if kind == b"infe":
            wide = content[0] > 2
            (item,) = struct.unpack_from(">I" if wide else ">H", content, FULL)
            at = FULL + (6 if wide else 4)
            yield item, content[at : at + 4]


def _references(iref: bytes) -> Iterator[Reference]:
    number = "I" if iref[:1] > b"\0" else "H"
    for kind, content in _boxes(iref, FULL):
        item, count = struct.unpack_from(f">{number}H", content)
        yield kind, item, struct.unpack_from(f">{count}{number}", content, struct.calcsize(f">{number}H"))


def _sizes(iprp: list[tuple[bytes, bytes]]) -> dict[int, int]:
    """Pixels of each item."""
    areas = [_area(content) if kind == b"ispe" else 0 for kind, content in _boxes(_only(iprp, b"ipco"))]
    sizes: dict[int, int] = {}
    for kind, content in iprp:
        for item, index in _associations(content) if kind == b"ipma" else ():
            sizes[item] = max(sizes.get(item, 0), areas[index - 1] if index else 0)
    return sizes


def _area(ispe: bytes) -> int:
    width, height = struct.unpack_from(">II", ispe, FULL)
    return width * height


def _associations(ipma: bytes) -> Iterator[tuple[int, int]]:
    """(item, number of a property from 1) of every property that an item has."""
    number, wide = ">I" if ipma[:1] > b"\0" else ">H", ipma[3] & 1
    (count,), at = struct.unpack_from(">I", ipma, FULL), FULL + 4
    for _ in range(count):
        (item,) = struct.unpack_from(number, ipma, at)
        at += struct.calcsize(number)
        held, at = ipma[at], at + 1
        for _ in range(held):
            (index,) = struct.unpack_from(">H" if wide else ">B", ipma, at)
            at += 2 if wide else 1
            yield item, index & (0x7FFF if wide else 0x7F)
