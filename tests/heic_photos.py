"""HEIC photos as phones write them: tiles, a turn in the container, EXIF that repeats it, a small picture inside."""

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from dust3r.tests.blender.synthetic_reconstruction import STORED
from PIL import Image

pillow_heif.register_heif_opener()
if not pillow_heif.libheif_info()["HEIF"]:  # Debian's Blender has loaded one that only reads
    pytest.skip("libheif writes no HEIC in this process, so there is none to read", allow_module_level=True)
ORIENTATION, MAKE, MODEL, DETAILS = 0x0112, 0x010F, 0x0110, 0x8769


def write_heic(
    path: Path,
    upright: np.ndarray,
    turn: int = 1,
    exif_turn: int | None = None,
    details: Mapping[int, object] | None = None,
    **options: object,
) -> None:
    """A photo (H, W, 3 or 4) that the container says to turn as EXIF's orientation `turn` would.

    exif_turn: what EXIF says of it, where that is something else. details: tags of the lens by number.
    """
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE], exif[MODEL] = turn, "Maker", "Phone"
    exif.get_ifd(DETAILS).update(details or {})
    image = Image.fromarray(upright)
    stored = image.transpose(STORED[turn]) if turn != 1 else image
    look = {"quality": 95, "chroma": 444, "tile_size": 64, "thumbnails": [80]}
    stored.save(path, "HEIF", exif=exif.tobytes(), **(look | options))
    if exif_turn is not None:
        path.write_bytes(path.read_bytes().replace(_entry(turn), _entry(exif_turn)))


def _entry(orientation: int) -> bytes:
    """As it stands in an EXIF block: tag, type SHORT, one value."""
    return struct.pack("<HHIHH", ORIENTATION, 3, 1, orientation, 0)


def resized_header(data: bytes, size: tuple[int, int]) -> bytes:
    """The same HEIC file with another (width, height) in every header."""
    at, out = data.find(b"ispe"), data
    while at >= 0:
        out = out[: at + 8] + struct.pack(">II", *size) + out[at + 16 :]
        at = data.find(b"ispe", at + 1)
    return out
