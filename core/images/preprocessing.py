"""Photos to what the network sees: EXIF turn, resize, crop, and the way back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..io.atomic import file_digest, resolved
from ..progress import Report, silent
from . import resampling
from .exif import NO_TAGS, LensTags
from .lens_distortion import open_straight, straightened
from .masks import KEPT, open_mask
from .pixel_mapping import PixelMapping
from .reader import open_photo, unique_names

STAGE = "Reading photos"


@dataclass(frozen=True, slots=True)
class Framing:
    """How a model wants its photos: spec of the published loader, section 1."""

    size: int  # pixels: the long side, or the side of the square
    patch: int = 16  # both sides become multiples of it
    square: bool = False  # crop to a square of that side (the 224 models)
    keep_square: bool = True  # else a square photo is cut to 4:3, as the published loader does
    joint: bool = False  # resized to multiples of the patch, and all photos of a set cut to a common shape


@dataclass(frozen=True, slots=True)
class View:
    """One photo as the network sees it."""

    name: str  # unique among the photos of a reconstruction
    path: Path
    image: Tensor  # (3, H, W), RGB in [-1, 1]; H, W multiples of the patch
    mask: NDArray[np.bool_]  # (H, W), True = keep
    mapping: PixelMapping
    tags: LensTags = NO_TAGS
    sha256: str = ""  # of the file as it was read

    @property
    def colors(self) -> NDArray[np.uint8]:
        """(H, W, 3), sRGB."""
        return ((self.image + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()

    def cropped(self, left: int, top: int, size: tuple[int, int]) -> "View":
        """A part of it, (width, height) network pixels from this column and row on."""
        rows, columns = slice(top, top + size[1]), slice(left, left + size[0])
        image, mask = self.image[:, rows, columns].contiguous(), self.mask[rows, columns]
        return replace(self, image=image, mask=mask, mapping=self.mapping.cropped(left, top, size))


def load_views(
    paths: Sequence[Path],
    framing: Framing,
    report: Report = silent,
    masks: Mapping[Path, Path] | None = None,
    read: Callable[[Path], None] = lambda path: None,
) -> tuple[list[View], list[str]]:
    """All readable photos as views, and one warning for each that had to be left out.

    masks: files of `open_mask` by resolved photo; read: called with each photo that could be read. Raises InputError
    when none is left, or, for a single photo, with what is wrong with it.
    """
    views: list[View] = []
    warnings: list[str] = []
    for index, (path, name) in enumerate(zip(paths, unique_names(paths), strict=True)):
        report(STAGE, index, len(paths))
        try:
            views.append(load_view(path, framing, name, (masks or {}).get(resolved(path))))
            read(path)
        except InputError as error:
            warnings.append(f"Left out: {error}")
    report(STAGE, len(paths), len(paths))
    if not views:
        reason = warnings[0].removeprefix("Left out: ") if warnings else "No photos were given"
        raise InputError(reason if len(paths) == 1 else f"None of the {len(paths)} photos can be used: {reason}")
    return in_common_shape(views) if framing.joint else views, warnings


def load_together(paths: Sequence[Path], framing: Framing) -> list[View]:
    """Photos that are to be seen together, of one shape where the framing wants that; raises as `load_view` does."""
    views = [load_view(path, framing, name) for path, name in zip(paths, unique_names(paths), strict=True)]
    return in_common_shape(views) if framing.joint else views


def in_common_shape(views: Sequence[View]) -> list[View]:
    """Views that a network sees together: all cut, about their centres, to the smallest height and the smallest width.

    Views of one shape stay as they are.
    """
    sizes = [view.mapping.view_size for view in views]
    size = min(width for width, _ in sizes), min(height for _, height in sizes)
    return [
        view if own == size else view.cropped((own[0] - size[0]) // 2, (own[1] - size[1]) // 2, size)
        for view, own in zip(views, sizes, strict=True)
    ]


def load_view(path: Path, framing: Framing, name: str | None = None, mask_file: Path | None = None) -> View:
    """Read one photo, and its mask, for the network; raises InputError, naming the file, when it cannot be used."""
    photo = open_photo(path)
    width, height = photo.image.size
    resized = _resized(width, height, framing)
    left, top, right, bottom = _crop(*resized, framing)
    if min(width, height) < framing.patch or min(right - left, bottom - top) < framing.patch:
        raise InputError(
            f"{path} is {width} x {height} pixels, too small or too narrow for the network, "
            f"which needs {framing.patch} pixels on the short side after scaling; crop or replace it"
        )
    if framing.joint:
        colors = resampling.resized(np.asarray(photo.image), _scaled(width, height, framing.size / max(width, height)))
        colors = resampling.resized(colors, resized)
    else:
        image = photo.image.resize(resized, _filter(width, height, resized))
        colors = np.array(image.crop((left, top, right, bottom)))
    scale = (width / resized[0], height / resized[1])
    mapping = PixelMapping(
        (width, height), (right - left, bottom - top), scale, (left * scale[0], top * scale[1]), photo.orientation
    )
    mask = np.ones((bottom - top, right - left), dtype=bool)
    own_mask = mask_file and open_mask(mask_file, path, photo.image.size, photo.orientation)
    for cover in filter(None, (photo.alpha, own_mask)):
        seen = cover.resize(resized, Image.Resampling.BOX).crop((left, top, right, bottom))
        mask &= np.asarray(seen) >= KEPT
    pixels = network_image(colors)
    return View(name or path.name, path, pixels, mask, mapping, photo.tags, file_digest(path))


def read_framed(
    path: Path, mapping: PixelMapping, mask_file: Path | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The part of a photo that a mapping describes: colours (H, W, 3), sRGB, and mask (H, W), True = keep.

    Raises InputError, naming the file, where it cannot be read or has another size by now.
    """
    photo = open_straight(path, mapping)
    if photo.image.size != mapping.photo_size:
        raise InputError(f"{path} has another size than when it was read first; reconstruct it again")
    (left, top), size = mapping.offset, mapping.view_size
    box = (left, top, left + size[0] * mapping.scale[0], top + size[1] * mapping.scale[1])
    colors = np.array(photo.image.resize(size, _filter(*mapping.photo_size, size), box))
    in_file = mapping.in_file(mapping.photo_pixels())
    mask = ((in_file >= 0) & (in_file <= mapping.photo_size)).all(axis=-1)
    own_mask = mask_file and open_mask(mask_file, path, photo.image.size, photo.orientation)
    if own_mask and mapping.distortion:
        own_mask = straightened(own_mask, mapping)
    for cover in filter(None, (photo.alpha, own_mask)):
        mask &= np.asarray(cover.resize(size, Image.Resampling.BOX, box)) >= KEPT
    return colors, mask


def straight_view(view: View, distortion: float, mask_file: Path | None = None) -> View:
    """The view of the same photo with its lens's bend taken out; distortion: as `PixelMapping` has it.

    Raises InputError as `read_framed` does, and for a bend that no lens has.
    """
    mapping = replace(view.mapping, distortion=distortion)
    if not mapping.is_invertible:
        raise InputError(f"A distortion of {distortion:g} folds {view.path} over itself; give one nearer to 0")
    colors, mask = read_framed(view.path, mapping, mask_file)
    return replace(view, image=network_image(colors), mask=mask, mapping=mapping)


def _resized(width: int, height: int, framing: Framing) -> tuple[int, int]:
    long, short = max(width, height), min(width, height)
    scaled = _scaled(width, height, framing.size / (short if framing.square else long))
    if not framing.joint:
        return scaled
    columns, rows = ((side + framing.patch // 2) // framing.patch for side in scaled)  # nearest, ties up
    return max(1, columns) * framing.patch, max(1, rows) * framing.patch


def _scaled(width: int, height: int, ratio: float) -> tuple[int, int]:
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def _filter(width: int, height: int, resized: tuple[int, int]) -> Image.Resampling:
    shrinking = max(width, height) > max(resized)
    return Image.Resampling.LANCZOS if shrinking else Image.Resampling.BICUBIC


def _crop(width: int, height: int, framing: Framing) -> tuple[int, int, int, int]:
    """The centred box (left, top, right, bottom) that the network sees of a resized photo."""
    if framing.joint:
        return 0, 0, width, height
    centre_x, centre_y, patch = width // 2, height // 2, framing.patch
    if framing.square:
        half_x = half_y = min(centre_x, centre_y)
    else:
        half_x, half_y = 2 * centre_x // patch * patch // 2, 2 * centre_y // patch * patch // 2
        if width == height and not framing.keep_square:
            half_y = 3 * half_x // 2 // patch * patch // 2
    return centre_x - half_x, centre_y - half_y, centre_x + half_x, centre_y + half_y


def network_image(colors: NDArray[np.uint8]) -> Tensor:
    """(3, H, W), RGB in [-1, 1], of sRGB colours (H, W, 3): what `View.colors` takes back, to the last bit."""
    pixels = torch.from_numpy(colors).permute(2, 0, 1).to(torch.float32)
    return (pixels / 255 - 0.5) / 0.5
