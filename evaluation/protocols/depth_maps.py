"""Depth maps: the data sets' files, and predicted depth where a true map has its pixels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.cameras.posed_images import FAILURES, MILLIMETRE, read_depth
from ...core.errors import InputError, first_line
from ...core.images.pixel_mapping import PixelMapping
from ...core.io.validation import check_archive
from .files import MOST_BYTES, require_file

Depth = NDArray[np.float32]


def values_at(values: Depth, x: NDArray[np.float64], y: NDArray[np.float64]) -> Depth:
    """The value of the pixel of a map (H, W) that each position lies in, NaN outside: depth must not be mixed.

    x, y: of equal shape, pixels of the map, the first one's centre at .5.
    """
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    inside = (column >= 0) & (column < values.shape[1]) & (row >= 0) & (row < values.shape[0])
    found = np.full(x.shape, np.nan, dtype=np.float32)
    found[inside] = values[row[inside], column[inside]]
    return found


def on_photo(seen: Depth, mapping: PixelMapping, shape: tuple[int, int]) -> Depth:
    """What the network saw (its H, W) at the pixels of a map (height, width) of the photo, NaN beyond its crop."""
    height, width = shape
    x = (np.arange(width) + 0.5) * (mapping.photo_size[0] / width)
    y = (np.arange(height) + 0.5) * (mapping.photo_size[1] / height)
    x, y = np.meshgrid((x - mapping.offset[0]) / mapping.scale[0], (y - mapping.offset[1]) / mapping.scale[1])
    return values_at(seen, x, y)


def known_depth(values: NDArray[np.floating]) -> Depth:
    """0 where a depth is not a number, not finite or not above 0."""
    known = np.isfinite(values) & (values > 0)
    return np.where(known, values, 0).astype(np.float32)


def read_png_depth(path: Path, unit: float) -> Depth:
    """Metres of a 16-bit PNG whose values are in this unit, 0 where unknown; raises InputError, naming the file."""
    return read_depth(path) * np.float32(unit / MILLIMETRE)


def read_pfm_depth(path: Path, unit: float) -> Depth:
    """Metres of a portable float map (grey; rows from the bottom up), 0 where unknown; raises InputError."""
    content = _bytes(path)
    head = content.split(b"\n", 3)
    try:
        kind, (width, height), scale = head[0].strip(), map(int, head[1].split()), float(head[2])
        order = "<f4" if scale < 0 else ">f4"
        values = np.frombuffer(head[3], order)
        if kind != b"Pf" or values.size != width * height:
            raise ValueError(f"{kind!r}, {values.size} values for {width} x {height} pixels")
    except (IndexError, ValueError) as error:
        raise InputError(f"{path} is no grey PFM ({error}); download it again") from error
    return known_depth(np.flipud(values.reshape(height, width)) * unit)


def read_npz_depth(path: Path) -> Depth:
    """Metres of the one array in an .npz, 0 where unknown; raises InputError, naming the file."""
    require_file(path, "true depth")
    try:
        check_archive(path, MOST_BYTES)
        with np.load(path, allow_pickle=False) as arrays:
            values = arrays["arr_0"]
    except FAILURES as error:
        raise InputError(f"{path} cannot be read ({first_line(error)}); true depth is its array arr_0") from error
    if values.ndim != 2 or values.dtype.kind != "f":
        raise InputError(f"{path} holds {values.dtype} of shape {values.shape}; true depth is one float per pixel")
    return known_depth(values)


def read_raw_depth(path: Path, shapes: tuple[tuple[int, int], ...]) -> Depth:
    """Metres of a bare dump of float32, row by row, of whichever shape (H, W) fits; 0 where unknown."""
    content = _bytes(path)
    for height, width in shapes:
        if len(content) == 4 * height * width:
            return known_depth(np.frombuffer(content, "<f4").reshape(height, width))
    wanted = " or ".join(f"{width} x {height}" for height, width in shapes)
    raise InputError(f"{path} has {len(content)} bytes, which are not float32 of {wanted} pixels")


def _bytes(path: Path) -> bytes:
    require_file(path, "true depth")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is larger than any depth map; download it again")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); download it again") from error
