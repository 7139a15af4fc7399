"""Photos with known cameras as a folder: images/, cameras.json and, where it is known, depth/. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import InputError, first_line
from ..images.reader import DAMAGE, MOST_PIXELS, unwarned
from ..io.atomic import DAMAGED_ARRAYS, replacing, write_json
from ..io.validation import check_archive, check_camera, check_name
from .cameras_json import read_entries, read_numbers

CAMERAS, IMAGES = "cameras.json", "images"
DEPTH_FOLDERS, DEPTH_SUFFIXES = ("depth", "depth_color"), (".png", ".npz")
MILLIMETRE = 1e-3  # scene units, of a 16-bit PNG's values
DEEPEST = 8  # bytes a pixel
FAILURES = (*DAMAGE, *DAMAGED_ARRAYS, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class PosedPhoto:
    """One photo with its true camera; OpenCV axes, pixel centres at .5."""

    name: str  # file name inside images/
    path: Path
    size: tuple[int, int]  # (width, height), pixels of the upright photo
    K: NDArray[np.float64]  # (3, 3), pixels of that size
    cam2world: NDArray[np.float64]  # (4, 4), rigid
    depth: Path | None  # file that `read_depth` reads; None where there is none


def read_posed_photos(folder: Path) -> tuple[PosedPhoto, ...]:
    """The photos of folder/images that folder/cameras.json knows, in the order of their names.

    Raises InputError, naming the file, when there is no such photo or what is said of one cannot be used.
    """
    entries = _entries(folder / CAMERAS)
    for name in entries:
        _check_photo_name(name, folder / CAMERAS)
    names = [name for name in sorted(entries) if (folder / IMAGES / name).is_file()]
    if not names:
        raise InputError(
            f"{folder / IMAGES} holds none of the {len(entries)} photos of {folder / CAMERAS}; put them there"
        )
    return tuple(_photo(folder, name, entries[name]) for name in names)


def save_cameras(folder: Path, photos: Sequence[PosedPhoto]) -> None:
    """Write folder/cameras.json; photos and depth are the caller's."""
    entries = {
        photo.name: {
            "width": photo.size[0],
            "height": photo.size[1],
            "K": photo.K.tolist(),
            "cam2world": photo.cam2world.tolist(),
        }
        for photo in photos
    }
    write_json(folder / CAMERAS, {"photos": entries})


def read_depth(path: Path) -> NDArray[np.float32]:
    """z depth (H, W) in scene units, 0 where it is unknown: a 16-bit PNG in thousandths, or `depth` of an .npz.

    Raises InputError, naming the file, when it is missing or holds something else.
    """
    try:
        depth = _read_npz(path) if path.suffix == ".npz" else _read_png(path)
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not an image; depth is a 16-bit PNG in millimetres or an .npz") from error
    except FAILURES as error:
        raise InputError(f"{path} cannot be read ({first_line(error)}); replace the file or leave it out") from error
    if depth.ndim != 2 or depth.dtype.kind not in "fiu":
        raise InputError(f"{path} holds {depth.dtype} of shape {depth.shape}; depth is one number per pixel")
    with np.errstate(over="ignore"):  # what float32 cannot hold is unknown
        found = depth.astype(np.float32)
    return np.where(np.isfinite(found) & (found > 0), found, np.float32(0))


def save_depth(path: Path, depth: NDArray[np.floating]) -> None:
    """Write z depth (H, W) in scene units, 0 where there is none, as float32 in an .npz."""
    with replacing(path) as file:
        np.savez_compressed(file, depth=depth.astype(np.float32))


def _read_npz(path: Path) -> NDArray[Any]:
    check_archive(path, DEEPEST * MOST_PIXELS)
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["depth"]


def _read_png(path: Path) -> NDArray[Any]:
    with unwarned(), Image.open(path, formats=("PNG",)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise InputError(f"{path} claims to hold more pixels than any photo; leave it out")
        if not image.mode.startswith("I"):
            raise InputError(f"{path} is no 16-bit greyscale PNG (mode {image.mode}); depth is one, in millimetres")
        return np.asarray(image).astype(np.float64) * MILLIMETRE


def _entries(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path} does not exist; the folder needs images/ and the true cameras in {CAMERAS}")
    return read_entries(path)


def _photo(folder: Path, name: str, entry: Any) -> PosedPhoto:
    where = f"{folder / CAMERAS}: {name}"
    K, pose = read_numbers(entry, "K", (3, 3), where), read_numbers(entry, "cam2world", (4, 4), where)
    try:
        check_camera(K, pose)
    except ValueError as error:
        raise InputError(f"{where}: {error}; see docs/conventions.md") from error
    try:
        size = int(entry["width"]), int(entry["height"])
        if not 0 < min(size) <= max(size) <= MOST_PIXELS:
            raise ValueError(size)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where} has no width and height; give the photo's size in pixels") from error
    return PosedPhoto(name, folder / IMAGES / name, size, K, pose, _depth_file(folder, name))


def _check_photo_name(name: str, source: Path) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise InputError(f"{source}: {error}; name the photos in {IMAGES}/") from error


def _depth_file(folder: Path, name: str) -> Path | None:
    stem = Path(name).stem
    candidates = (folder / kind / f"{stem}{suffix}" for kind in DEPTH_FOLDERS for suffix in DEPTH_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)
