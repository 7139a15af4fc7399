"""Images that a .blend has loaded, as files that the method can read."""

import hashlib
from pathlib import Path

import bpy

from ...core.errors import InputError
from ...core.io.atomic import replacing

SUFFIX_OF = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "BMP": ".bmp", "WEBP": ".webp"}  # by Image.file_format
REFUSED = {  # by Image.source
    "MOVIE": "is a movie; add frames of it with Add Movie",
    "SEQUENCE": "is a sequence; add its folder with Add Photos",
    "GENERATED": "was made here and is no photo",
    "VIEWER": "was made here and is no photo",
    "TILED": "is made of tiles; save them as one picture",
}


def loaded_photos() -> list[bpy.types.Image]:
    """The images of this file that may be photos."""
    return [image for image in bpy.data.images if image.source == "FILE" and (image.packed_file or image.filepath)]


def image_file(image: bpy.types.Image, folder: Path) -> Path:
    """The image's own file; that of a packed one is written into the folder, once, as it was packed.

    Raises InputError for an image that is no photo, whose file is gone, or that cannot be written.
    """
    if image.source in REFUSED:
        raise InputError(f"The image {image.name!r} {REFUSED[image.source]}")
    if image.packed_file is not None:
        return _unpacked(image, folder)
    path = Path(bpy.path.abspath(image.filepath, library=image.library))
    if not (image.filepath and path.is_file()):
        raise InputError(f"The file of the image {image.name!r} is gone ({path}); put it back or remove the image")
    return path


def _unpacked(image: bpy.types.Image, folder: Path) -> Path:
    content = bytes(image.packed_file.data)  # type: ignore[union-attr]
    suffix = SUFFIX_OF.get(image.file_format, Path(image.name).suffix)
    stem = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in Path(image.name).stem)[:40]
    path = folder / f"{stem}-{hashlib.sha256(content).hexdigest()[:10]}{suffix}"
    if not path.is_file():
        with replacing(path) as file:
            file.write(content)
    return path
