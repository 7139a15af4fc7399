"""Masks as files beside the photos: black is left out, white is kept. Imports no torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageChops

from ..errors import InputError
from ..io.atomic import resolved
from .reader import SIDEWAYS, SUFFIXES, TURNS, header_if_readable, open_photo, read_header, unique_names

KEPT = 128  # 8-bit values below, of masks and of a photo's own transparency, are left out


def find_masks(folder: Path, photos: Sequence[Path]) -> dict[Path, Path]:
    """The mask files of a folder by the resolved photos that they belong to; photos may be without one.

    A mask is named as its photo, with or without the photo's suffix before its own (a.jpg: a.jpg.png, else a.png or
    a.jpg), in the same subfolder where photos need one to be told apart. Raises InputError, naming the file, where
    names are ambiguous, none fits, or a mask is not as large as its photo.
    """
    found = name_masks(folder, photos)
    for photo, mask in found.items():
        _check_size(mask, photo)
    if not found:
        example = f"{photos[0].stem}.png" if photos else "the photo's name with .png"
        raise InputError(f"{folder} holds no mask of any photo; name masks as the photos, such as {example}")
    return found


def name_masks(folder: Path, photos: Sequence[Path]) -> dict[Path, Path]:
    """As `find_masks`, by the names alone: sizes are not looked at, and there may be none."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the one that holds the masks")
    taken = {resolved(photo) for photo in photos}
    listings: dict[Path, dict[str, list[Path]]] = {}
    found: dict[Path, Path] = {}
    for photo, name in zip(photos, unique_names(photos), strict=True):
        place = folder / Path(name).parent
        if place not in listings:
            listings[place] = _by_stem(place, taken)
        mask = _mask_of(listings[place], photo)
        if mask is not None:
            found[resolved(photo)] = mask
    for mask, count in Counter(found.values()).items():
        if count > 1:
            raise InputError(f"{mask} fits {count} photos; name masks with the photo's suffix too, such as a.jpg.png")
    return found


def open_mask(path: Path, photo: Path, size: tuple[int, int], orientation: int) -> Image.Image:
    """The mask (L, 8 bit) of a photo with this upright size and EXIF orientation; transparency counts as black.

    A mask drawn over the photo as it is stored, which its size tells, is turned as the photo is. Raises InputError
    where it cannot be read, has another size or leaves nothing of the photo.
    """
    opened = open_photo(path)
    mask = opened.image.convert("L")
    if opened.alpha is not None:
        mask = ImageChops.multiply(mask, opened.alpha)
    if mask.size != size and mask.size == size[::-1] and opened.orientation == 1 and orientation in SIDEWAYS:
        mask = mask.transpose(TURNS[orientation])
    if mask.size != size:
        raise _other_size(path, mask.size, photo, size)
    if mask.getextrema()[1] < KEPT:  # type: ignore[operator]  one band: two numbers
        raise InputError(f"{path} leaves nothing of {photo.name}: no value of it reaches {KEPT}; white (255) is kept")
    return mask


def _by_stem(folder: Path, taken: set[Path]) -> dict[str, list[Path]]:
    """The images of a folder that are none of the photos, by their names without suffix."""
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if file.suffix.lower() in SUFFIXES and resolved(file) not in taken:
            found.setdefault(file.stem, []).append(file)
    return found


def _mask_of(files: Mapping[str, list[Path]], photo: Path) -> Path | None:
    """The one file that is named as the photo; the photo's whole name goes before its stem."""
    for name in (photo.name, photo.stem):
        fitting = files.get(name, [])
        if len(fitting) > 1:
            raise InputError(f"{fitting[0]} and {fitting[1].name} are both masks of {photo.name}; leave one of them")
        if fitting:
            return resolved(fitting[0])
    return None


def _check_size(path: Path, photo: Path) -> None:
    """Raise InputError before any work."""
    mask, seen = read_header(path), header_if_readable(photo)
    unturned = seen is not None and mask.orientation == 1 and seen.orientation in SIDEWAYS
    if seen is None or mask.upright_size == seen.upright_size or (unturned and mask.size == seen.size):
        return
    raise _other_size(path, mask.upright_size, photo, seen.upright_size)


def _other_size(mask: Path, found: tuple[int, int], photo: Path, size: tuple[int, int]) -> InputError:
    sizes = f"{found[0]} x {found[1]} pixels and {photo.name} {size[0]} x {size[1]}"
    return InputError(f"{mask} has {sizes}; a mask must be as large as its photo")
