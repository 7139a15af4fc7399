"""The points of a PLY file, text or binary: x, y, z of its vertices, which come first."""

from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...core.cameras.posed_images import FAILURES
from ...core.errors import InputError, first_line
from .files import require_file

TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
Fields = list[tuple[str, str]]  # a vertex's properties: (name, NumPy kind)

END, LONGEST_HEAD = b"end_header", 2**16  # bytes


def read_ply_points(path: Path) -> NDArray[np.float64]:
    """(N, 3), as they are in the file; raises InputError, naming it, when it is missing, damaged or no PLY."""
    require_file(path, "a point cloud")
    try:
        with path.open("rb") as file:
            head = file.read(LONGEST_HEAD)
            order, count, fields = _header(head)
            file.seek(head.index(b"\n", head.index(END)) + 1)
            points = _text(file, count, fields) if order == "" else _binary(file, count, fields, order)
        if len(points) < count or not np.isfinite(points).all():
            raise ValueError(f"it holds {np.isfinite(points).all(-1).sum()} of {count} points")
        return points
    except (*FAILURES, StopIteration) as error:
        raise InputError(f"{path} is no point cloud ({first_line(error)}); download it again") from error


def _header(head: bytes) -> tuple[str, int, Fields]:
    """Byte order ("" for text), number of vertices, and their properties."""
    words = [line.split() for line in head.partition(END)[0].decode("ascii", "replace").split("\n")]
    if words[0] != ["ply"] or END not in head:
        raise ValueError("it has no PLY header")
    order = ORDERS[next(line[1] for line in words if line[:1] == ["format"])]
    elements = [k for k, line in enumerate(words) if line[:1] == ["element"]]
    first, last = words[elements[0]], elements[1] if len(elements) > 1 else len(words)
    if first[1] != "vertex":
        raise ValueError(f"its first element is {first[1]}")
    fields = [(line[2], TYPES[line[1]]) for line in words[elements[0] : last] if line[:1] == ["property"]]
    return order, int(first[2]), fields


def _text(file: BinaryIO, count: int, fields: Fields) -> NDArray[np.float64]:
    names = [name for name, _ in fields]
    return np.loadtxt(islice(file, count), usecols=[names.index(axis) for axis in "xyz"], ndmin=2, dtype=np.float64)


def _binary(file: BinaryIO, count: int, fields: Fields, order: str) -> NDArray[np.float64]:
    vertices = np.fromfile(file, [(name, order + kind) for name, kind in fields], count)
    return np.stack([vertices[axis].astype(np.float64) for axis in "xyz"], axis=1)
