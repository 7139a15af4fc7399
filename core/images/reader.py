"""Finding and opening photo files: what a person sees when looking at them. Imports no torch."""

import logging
import math
import os
import re
import struct
import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import InputError, first_line
from ..io.atomic import open_regular, resolved
from .exif import FULL_FRAME, NO_TAGS, LensTags
from .heif import HEIC, HEIC_SUFFIXES, damaged_heic, decoded_pixels, is_heic, register_heic, unreadable_heic

RARE_SUFFIXES = HEIC_SUFFIXES | {".avif"}  # few programs read these
SUFFIXES = RARE_SUFFIXES | {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}
KINDS = "JPEG, PNG, WebP, TIFF, BMP, HEIC"
# Named one by one: some of Pillow's other readers start programs of their own (EPS starts Ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF")
EXIF_ORIENTATION = 0x0112
SIDEWAYS = range(5, 9)  # orientations that turn rows into columns
TURNS = {  # what makes a photo upright, by orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's readers raise on damaged files.
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError)
DAMAGE += (AssertionError, RuntimeError, struct.error, zlib.error)
MOST_PIXELS = 178_956_970  # of a photo that is decoded: Pillow's own limit, which any other add-on may take away

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo turned upright: HEIC by the turn in its container, every other by its EXIF orientation."""

    image: Image.Image  # RGB, 8 bit
    alpha: Image.Image | None  # L, 8 bit, of the same size; None where the file has no transparency
    orientation: int  # the EXIF tag (1 to 8) that was applied
    tags: LensTags = NO_TAGS


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What a photo's file says before its pixels are decoded."""

    size: tuple[int, int]  # (width, height) as its reader gives it, before the EXIF turn
    format: str  # Pillow's name of it
    mode: str  # Pillow's name of the colours as stored
    orientation: int = 1  # the EXIF tag (1 to 8)
    tags: LensTags = NO_TAGS

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) after the EXIF turn."""
        width, height = self.size
        return (height, width) if self.orientation in SIDEWAYS else (width, height)


def find_photos(paths: Sequence[Path]) -> list[Path]:
    """The photo files that files and folders name, folders in natural order, each file once.

    What a folder holds may turn out to be no photo (`open_photo`). Raises InputError for a path that is not there, or
    is no file and no folder, and for a folder without photos.
    """
    if not paths:
        raise InputError("No photos were given; name photo files or a folder that holds them")
    found: list[Path] = []
    for path in paths:
        try:
            found += _photos_in(path) if path.is_dir() else [existing_file(path)]
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); check the path and its permissions") from error
    return list({resolved(path): path for path in found}.values())


def unique_names(paths: Sequence[Path]) -> list[str]:
    """A name per photo: the file name, with as many parent folders as tell two equal ones apart."""
    depth, names = 1, [path.name for path in paths]
    deepest = max((len(resolved(path).parts) for path in paths), default=1)
    while len(set(names)) < len(names) and depth < deepest:
        depth += 1
        names = [
            "/".join(resolved(path).parts[-depth:]) if names.count(name) > 1 else name
            for path, name in zip(paths, names, strict=True)
        ]
    return names


def open_photo(path: Path) -> Photo:
    """Read one photo of any common format, bit depth and colour mode, upright.

    Raises InputError, naming the file, when it is missing, no regular file, no photo, damaged, too large to be one or
    under a name that is not UTF-8, which neither Blender nor JSON can hold.
    """
    with _opened(path) as file:
        file.load()
        orientation = _orientation(file)
        image, alpha, tags = _rgb(file), _alpha(file), _tags(file)
    turn = TURNS.get(orientation)
    if turn is not None:
        image, alpha = image.transpose(turn), alpha and alpha.transpose(turn)
    return Photo(image, alpha, orientation, tags)


def open_grey(path: Path, long_side: int) -> NDArray[np.float32]:
    """The brightness (H, W), 0 to 1, as stored (not turned), shrunk to this long side at most; quick for large JPEGs.

    Raises InputError as `open_photo` does.
    """
    with _opened(path) as file:
        file.draft("L", (long_side, long_side))
        grey = _rgb(file).convert("L")
    shrink = min(1.0, long_side / max(grey.size))
    width, height = (max(1, round(side * shrink)) for side in grey.size)
    return np.asarray(grey.resize((width, height), Image.Resampling.BOX), np.float32) / 255


def open_thumbnail(path: Path, side: int) -> NDArray[np.uint8] | None:
    """A small picture (H, W, 3) of a photo, quick to read, no side below `side`; None where its file holds none.

    HEIC holds one that is upright; JPEG gives one as it is stored. Raises InputError as `open_photo` does.
    """
    with _opened(path) as file:
        return np.asarray(_rgb(file)) if file.draft("RGB", (side, side)) else None


def read_header(path: Path) -> PhotoHeader:
    """Size and kind of a photo, which takes no longer for large ones. Raises InputError as `open_photo` does."""
    with _opened(path) as file:
        return PhotoHeader(file.size, file.format or "", file.mode, _orientation(file), _tags(file))


def header_if_readable(path: Path) -> PhotoHeader | None:
    """None for a photo that cannot be read: it will be left out, and nothing about it needs to be right."""
    try:
        return read_header(path)
    except InputError:
        return None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The file, its pixels not yet read; inside of the block too every error names the file."""
    _check_name(path)
    try:
        with unwarned(), open_regular(path) as stream, Image.open(stream, formats=_readable_formats()) as file:
            if _pixels(file, path) > MOST_PIXELS:
                raise Image.DecompressionBombError
            yield file
    except UnidentifiedImageError as error:
        raise _unknown_kind(path) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path} claims to hold more pixels than any photo; make it smaller or leave it out"
        ) from error
    except MemoryError as error:
        raise InputError(f"{path} takes more memory than there is; make it smaller or leave it out") from error
    except DAMAGE as error:
        reason = (isinstance(error, OSError) and error.strerror) or first_line(error)
        raise InputError(f"{path} cannot be read ({reason}); replace the file or leave it out") from error


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        name = os.fsencode(path).decode(errors="replace")
        raise InputError(
            f"{name} is a name that is not UTF-8, and cannot be kept; rename the photo or folder"
        ) from error


def _pixels(file: Image.Image, path: Path) -> int:
    """How many are decoded; of HEIC half of what its boxes tell, which hold small pictures and masks besides."""
    pixels = file.width * file.height
    return max(pixels, decoded_pixels(path) // 2) if file.format == HEIC else pixels


def _orientation(image: Image.Image) -> int:
    """The EXIF tag, 1 to 8; 1 where there is none, or none that can be read: a photo is worth more than its tags.

    HEIC is turned by its reader, as its container says; what EXIF says besides must not turn it again (ISO 23008-12).
    """
    if image.format == HEIC:
        return 1
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    except DAMAGE as error:
        log.info("The EXIF data cannot be read (%s)", error)
        return 1
    return int(orientation) if orientation in range(1, 9) else 1


def _tags(image: Image.Image) -> LensTags:
    """Nothing where they cannot be read."""
    try:
        return LensTags.of(image.getexif())
    except DAMAGE as error:
        log.info("The EXIF data cannot be read (%s)", error)
        return NO_TAGS


@contextmanager
def unwarned() -> Iterator[None]:
    """Without Pillow's own words on size and damage: ours is one sentence, or none where the photo can be used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _photos_in(folder: Path) -> list[Path]:
    files = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    if not files:
        raise InputError(f"{folder} holds no photos ({KINDS}); choose the folder that does")
    return sorted(files, key=lambda file: natural_order(file.name))


def existing_file(path: Path) -> Path:
    """The path itself; raises InputError where there is no regular file."""
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path")
    if not path.is_file():
        raise InputError(f"{path} is no regular file but a folder, a pipe or a device; name a file")
    return path


def natural_order(name: str) -> list[tuple[int, str]]:
    """IMG_2 before IMG_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name.lower())]


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    """Deep greyscale to 8 bit: integers by their nominal 16 bit range, floats as 0 to 1."""
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    return np.clip(np.nan_to_num(values.astype(np.float64)) / top * 255 + 0.5, 0, 255).astype(np.uint8)


def _alpha(image: Image.Image) -> Image.Image | None:
    if band := {"A", "a"} & set(image.getbands()):  # "a": the colours are stored multiplied by it
        return image.getchannel(band.pop())
    if "transparency" in image.info:
        return image.convert("RGBA").getchannel("A")
    return None


def _unknown_kind(path: Path) -> InputError:
    if is_heic(path):
        return damaged_heic(path) if HEIC in _readable_formats() else unreadable_heic(path)
    return InputError(f"{path} is not a photo that can be read; give one of {KINDS}")


@cache
def _readable_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN) + ((HEIC,) if register_heic() else ())


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
