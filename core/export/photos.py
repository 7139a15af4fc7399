"""The photos beside their cameras: upright, in a form and under names that other programs read."""

import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..images.lens_distortion import open_straight
from ..images.reader import RARE_SUFFIXES, header_if_readable, read_header
from ..io.atomic import replacing
from ..reconstruction.result import AlignedView

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
JPEG = {"format": "JPEG", "quality": 95, "subsampling": 0}


def export_names(views: Sequence[AlignedView]) -> list[str]:
    """A file name for each photo, all different: its own, without blanks, which COLMAP's text files cannot hold.

    Photos of equal name keep the folders that tell them apart. A photo that has to be written anew and is no JPEG
    becomes a PNG; HEIC and AVIF, which are lossy already, become JPEG unless they are transparent.
    """
    names: list[str] = []
    for view in views:
        parts = re.sub(r"\s", "_", view.name.replace("\\", "/")).split("/")
        name = "/".join(part for part in parts if part not in {"", ".", ".."})  # never outside of the folder
        if _is_rewritten(view) and Path(name).suffix.lower() not in JPEG_SUFFIXES | {".png"}:
            name += ".jpg" if _is_rare(view) and not _is_transparent(view) else ".png"
        while name in names:
            name = f"{Path(name).with_suffix('')}_{Path(name).suffix}"
        names.append(name)
    return names


def copy_photos(views: Sequence[AlignedView], names: Sequence[str], folder: Path) -> list[str]:
    """Write every photo as its camera speaks of it (`copy_photo`); returns warnings, one sentence each.

    One names each photo that is left out, as `copy_photo` refuses it.
    """
    warnings: list[str] = []
    for view, name in zip(views, names, strict=True):
        try:
            copy_photo(view, name, folder)
        except PhotoRefused as error:
            warnings.append(f"Left out the photo {view.name}, not its camera: {error}")
    unknown = sum(not view.sha256 for view in views)
    if unknown:
        warnings.append(
            f"Of {unknown} photos only the size was compared: the version that reconstructed them kept no checksum"
        )
    return warnings


def copy_photo(view: AlignedView, name: str, folder: Path) -> None:
    """Write a photo under a name into a folder, the EXIF turn done; one that needs none byte by byte.

    Raises PhotoRefused for what is no photo, or not the one that was reconstructed; InputError where nothing can be
    written.
    """
    content = _checked_content(view)
    if _is_rewritten(view):
        content = _upright(view, name)
    with replacing(folder / name) as file:
        file.write(content)


class PhotoRefused(InputError):
    """A file that is not the photo that was reconstructed."""


def _checked_content(view: AlignedView) -> bytes:
    """The photo's file, if it is a photo of the size, and as far as that is known the content, reconstructed."""
    path = view.path
    try:
        if not path.is_file():
            raise PhotoRefused(f"{path} is gone, or is no file; put the photo back")
        size, content = read_header(path).upright_size, path.read_bytes()
    except PhotoRefused:
        raise
    except (InputError, OSError) as error:
        raise PhotoRefused(str(error)) from error
    if size != view.mapping.photo_size:
        raise PhotoRefused(f"{path} is no longer the photo that was reconstructed: its size has changed")
    if view.sha256 and hashlib.sha256(content).hexdigest() != view.sha256:
        raise PhotoRefused(f"{path} is no longer the photo that was reconstructed: its content has changed")
    return content


def _is_rewritten(view: AlignedView) -> bool:
    return view.mapping.exif_orientation != 1 or view.mapping.distortion != 0 or _is_rare(view)


def _is_rare(view: AlignedView) -> bool:
    return Path(view.name).suffix.lower() in RARE_SUFFIXES


def _is_transparent(view: AlignedView) -> bool:
    header = header_if_readable(view.path)
    return header is not None and "a" in header.mode.lower()


def _upright(view: AlignedView, name: str) -> bytes:
    try:
        photo = open_straight(view.path, view.mapping)
    except InputError as error:
        raise PhotoRefused(str(error)) from error
    content = io.BytesIO()
    if Path(name).suffix.lower() in JPEG_SUFFIXES:
        photo.image.save(content, **JPEG)
        return content.getvalue()
    if photo.alpha is not None:
        photo.image.putalpha(photo.alpha)
    photo.image.save(content, format="PNG")
    return content.getvalue()
