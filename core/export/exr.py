"""OpenEXR files of one channel in the format's simplest form: one part, scan lines, 32-bit floats, uncompressed."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..io.atomic import replacing

MAGIC, VERSION = 20000630, 2
FLOAT = 2  # the pixel type


def save_exr(path: Path, values: NDArray[np.floating]) -> None:
    """Write (H, W) as the channel Y, which readers show as grey; whole or not at all."""
    height, width = values.shape
    header = struct.pack("<ii", MAGIC, VERSION) + _header(width, height)
    line = 8 + 4 * width  # y, bytes that follow, pixels
    first = len(header) + 8 * height
    offsets = first + line * np.arange(height, dtype="<u8")
    lines = np.empty(height, [("y", "<i4"), ("bytes", "<i4"), ("pixels", "<f4", width)])
    lines["y"], lines["bytes"], lines["pixels"] = np.arange(height), 4 * width, values
    with replacing(path) as file:
        file.write(header + offsets.tobytes() + lines.tobytes())


def _header(width: int, height: int) -> bytes:
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    channel = b"Y\0" + struct.pack("<iB3xii", FLOAT, 0, 1, 1)  # not perceptual; every pixel of either axis
    attributes = (
        ("channels", "chlist", channel + b"\0"),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    )
    parts = [f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value for name, kind, value in attributes]
    return b"".join(parts) + b"\0"
