"""HEIC, what phones save by default: read by the package pillow-heif, measured beforehand by the file's boxes."""

import importlib
import logging
import os
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ..errors import InputError

HEIC = "HEIF"  # Pillow's name of it
HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}  # ISO 23008-12

log = logging.getLogger(__name__)


def register_heic() -> bool:
    """Let Pillow read HEIC; whether it can from now on."""
    try:
        _find_libraries()
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError as error:  # the package is not there, or a library that it needs
        log.debug("HEIC photos cannot be read (%s)", error)
        return False
    return True


def is_heic(path: Path) -> bool:
    """By its first bytes: photos change their names on the way from a phone."""
    with path.open("rb") as file:
        start = file.read(12)
    return start[4:8] == b"ftyp" and start[8:] in BRANDS


def unreadable_heic(path: Path) -> InputError:
    """What to say where the package is missing."""
    return InputError(
        f"{path} is a HEIC photo, which this Python cannot read without the package pillow-heif; "
        f"install it with: {sys.executable} -m pip install pillow-heif, or let the phone save JPEG"
    )


def damaged_heic(path: Path) -> InputError:
    """What to say where the package can make nothing of the file."""
    return InputError(f"{path} cannot be read (a HEIC photo, damaged or cut off); replace the file or leave it out")


def _find_libraries() -> None:
    """Blender 4.2 unpacks the libraries of Windows wheels to where Windows does not look for them."""
    package = find_spec("pillow_heif")
    if sys.platform == "win32" and package and package.origin:
        for folder in Path(package.origin).parents[1].glob("pillow_heif-*.data/platlib"):
            os.add_dll_directory(str(folder))


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


MOST_SHARES = 4  # pictures that a tile, mask, depth or gain map may be part of
Reference = tuple[bytes, int, tuple[int, ...]]  # kind, item, the items that it names


def decoded_pixels(path: Path) -> int:
    """Of the photo and all that belongs to it: tiles, transparency, small picture, depth, gain map.

    Raises ValueError, LookupError or struct.error for damaged boxes, and where one picture is to be decoded many times.
    """
    meta = list(boxes(top_level(path, b"meta"), FULL))
    items = list(_items(_only(meta, b"iinf")))
    kinds, references = dict(items), list(_references(_only(meta, b"iref")))
    needed = _needed(_primary(_only(meta, b"pitm")), references)
    if len(kinds) < len(items) or b"iovl" in {kinds.get(item) for item in needed}:  # an overlay's canvas has no bound
        raise ValueError("it puts pictures together as no phone does")
    sizes = _sizes(list(boxes(_only(meta, b"iprp"))))
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


def _only(found: list[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    """The content of the box of this kind; nothing where there is none."""
    contents = [content for kind, content in found if kind == wanted]
    if len(contents) > 1:
        raise ValueError(f"it has {len(contents)} boxes {wanted.decode()}, not one")
    return contents[0] if contents else b""


def _primary(pitm: bytes) -> int:
    """The item that is the photo."""
    (item,) = struct.unpack_from(">I" if pitm[:1] > b"\0" else ">H", pitm, FULL)
    return item


def _items(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and kind of every item."""
    for kind, content in boxes(iinf, FULL + (4 if iinf[:1] > b"\0" else 2)):
        if kind == b"infe":
            wide = content[0] > 2
            (item,) = struct.unpack_from(">I" if wide else ">H", content, FULL)
            at = FULL + (6 if wide else 4)
            yield item, content[at : at + 4]


def _references(iref: bytes) -> Iterator[Reference]:
    number = "I" if iref[:1] > b"\0" else "H"
    for kind, content in boxes(iref, FULL):
        item, count = struct.unpack_from(f">{number}H", content)
        yield kind, item, struct.unpack_from(f">{count}{number}", content, struct.calcsize(f">{number}H"))


def _sizes(iprp: list[tuple[bytes, bytes]]) -> dict[int, int]:
    """Pixels of each item."""
    areas = [_area(content) if kind == b"ispe" else 0 for kind, content in boxes(_only(iprp, b"ipco"))]
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
