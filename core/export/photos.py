"""The photos beside their cameras: upright, in a form and under names that other programs read."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..files import replacing
from ..photos import RARE_SUFFIXES, header_if_readable, open_photo
from ..reconstruction import AlignedView

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


def copy_photos(views: Sequence[AlignedView], names: Sequence[str], folder: Path) -> None:
    """Write every photo as its camera speaks of it, the EXIF turn done; a photo that needs none byte by byte.

    Raises InputError, naming the file, for one that is gone, cannot be read or has another size than its camera.
    """
    for view, name in zip(views, names, strict=True):
        content = _upright(view, name) if _is_rewritten(view) else _as_it_is(view)
        with replacing(folder / name) as file:
            file.write(content)


def _is_rewritten(view: AlignedView) -> bool:
    return view.mapping.exif_orientation != 1 or _is_rare(view)


def _is_rare(view: AlignedView) -> bool:
    return Path(view.name).suffix.lower() in RARE_SUFFIXES


def _is_transparent(view: AlignedView) -> bool:
    header = header_if_readable(view.path)
    return header is not None and "a" in header.mode.lower()


def _as_it_is(view: AlignedView) -> bytes:
    try:
        return view.path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The photo {view.path} cannot be read ({error.strerror}); put it back, or export without the photos"
        ) from error


def _upright(view: AlignedView, name: str) -> bytes:
    photo = open_photo(view.path)
    if photo.image.size != view.mapping.photo_size:
        raise InputError(f"{view.path} is no longer the photo that was reconstructed: its size has changed")
    content = io.BytesIO()
    if Path(name).suffix.lower() in JPEG_SUFFIXES:
        photo.image.save(content, **JPEG)
        return content.getvalue()
    if photo.alpha is not None:
        photo.image.putalpha(photo.alpha)
    photo.image.save(content, format="PNG")
    return content.getvalue()
