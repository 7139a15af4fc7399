"""What a list of photos shows of each without decoding it. Imports no torch."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .exif import FULL_FRAME
from .photos import natural_order, read_header

MOMENT = "%Y:%m:%d %H:%M:%S"  # as EXIF writes it


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """Of one photo file."""

    size: tuple[int, int]  # (width, height), pixels, upright
    focal: float | None  # photo pixels, as EXIF tells; None where it does not
    taken: str  # "YYYY:MM:DD HH:MM:SS", by the camera's clock; "" where EXIF does not tell
    camera: str  # make and model; "" where EXIF does not tell

    @classmethod
    def read(cls, path: Path) -> Self:
        """From the file's header; raises InputError, naming the file, when it is missing or no photo."""
        header = read_header(path)
        focal, tags = header.tags.focal_pixels(header.size), header.tags
        return cls(header.upright_size, focal, tags.taken, " ".join(filter(None, tags.camera)))

    @property
    def focal_35(self) -> float | None:
        """The focal length in mm of a full-frame camera that sees as much across the diagonal."""
        return None if self.focal is None else self.focal / math.hypot(*self.size) * FULL_FRAME


def time_order(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """What photos sort by by time: when the camera says they were taken, else when the file was changed; then the name.

    Raises InputError as `PhotoFacts.read` does.
    """
    taken = PhotoFacts.read(path).taken or time.strftime(MOMENT, time.localtime(path.stat().st_mtime))
    return taken, natural_order(path.name)
