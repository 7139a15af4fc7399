"""A photo as Blender sees it behind its camera: upright, in step with the camera's pixels."""

import io
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import InputError
from ...core.images.heif import HEIC_SUFFIXES
from ...core.images.lens_distortion import open_straight
from ...core.images.reader import read_header
from ...core.reconstruction.result import AlignedView
from .cameras import camera_data

# EXIF orientation to what Blender has to do with the stored picture: first mirror it left to right, then turn it
# clockwise by so many quarters
TURNS = {
    1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 3), 6: (False, 1), 7: (True, 1), 8: (False, 3),
}  # fmt: skip
# formats and colours of which Blender shows every file as Pillow does, but for the EXIF turn
PLAIN = {
    *((kind, mode) for kind in ("JPEG", "MPO") for mode in ("RGB", "L")),
    *(("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I", "I;16")),
}
logger = logging.getLogger(__name__)
LOSSLESS = {".png", ".bmp", ".tif", ".tiff"}  # files whose upright copy is a PNG


def add_backgrounds(cameras: Sequence[bpy.types.Object], views: Sequence[AlignedView]) -> list[str]:
    """Photos behind their cameras; what was wrong with the others, which is logged too."""
    warnings = []
    for camera, view in zip(cameras, views, strict=True):
        try:
            add_background(camera_data(camera), view)
        except InputError as error:
            logger.warning("%s", error)
            warnings.append(str(error))
    return warnings


def add_background(camera: bpy.types.Camera, view: AlignedView) -> bpy.types.Image:
    """The photo behind everything in the view through its camera, half transparent; its pixels are read when drawn.

    Raises InputError when the photo is gone, cannot be read or is no longer the one that was reconstructed.
    """
    image, orientation = _photo(view)
    mirrored, quarters = TURNS[orientation]
    # Blender fits the image by its own aspect: give it the camera's where focal lengths differ
    fx, fy = view.K[0, 0], view.K[1, 1]
    aspect = (max(1.0, fy / fx), max(1.0, fx / fy))
    image.display_aspect = aspect[::-1] if quarters % 2 else aspect
    camera.show_background_images = True
    background = camera.background_images.new()
    background.image = image
    background.alpha = 0.5
    background.display_depth = "BACK"
    background.frame_method = "CROP"  # the default differs between Blender versions
    background.use_flip_x = mirrored
    width, height = (side * part for side, part in zip(view.mapping.photo_size, aspect, strict=True))
    turn_background(background, quarters, (width, height))
    return image


def turn_background(background: bpy.types.CameraBackgroundImage, quarters: int, size: tuple[float, float]) -> None:
    """Quarters clockwise. size: width and height of the frame, which it fills then.

    Blender fills the frame with the image as stored and turns it after: the scale brings its long side back.
    """
    background.rotation = quarters * math.pi / 2
    if quarters % 2:
        background.scale = min(size[0] / size[1], size[1] / size[0])


def _photo(view: AlignedView) -> tuple[bpy.types.Image, int]:
    """The image and the EXIF orientation that is left to be applied to it."""
    if not view.path.is_file():
        raise InputError(f"The photo {view.path} is gone; its camera has no background until you put it back")
    orientation = view.mapping.exif_orientation
    if view.mapping.distortion:
        return _packed_upright(view), 1
    if _is_as_blender_reads_it(view):
        return _linked(view.path), orientation
    if orientation == 1 and view.path.suffix.lower() not in HEIC_SUFFIXES:  # which no Blender reads
        image = _linked_if_read_alike(view)
        if image is not None:
            return image, 1
    return _packed_upright(view), 1


def _is_as_blender_reads_it(view: AlignedView) -> bool:
    """Whether the header alone tells that Blender shows the pixels that were reconstructed, not yet turned."""
    header, size = read_header(view.path), view.mapping.photo_size
    quarters = TURNS[view.mapping.exif_orientation][1]
    return header.size == (size[::-1] if quarters % 2 else size) and (header.format, header.mode) in PLAIN


def _linked(path: Path) -> bpy.types.Image:
    return bpy.data.images.load(_blender_path(path.absolute()), check_existing=False)


def _blender_path(path: Path) -> str:
    """As Blender's own file browser gives it: relative to a saved .blend on the same drive, unless switched off."""
    blend, wanted = Path(bpy.data.filepath), bpy.context.preferences.filepaths.use_relative_paths
    if not (bpy.data.filepath and wanted and path.drive == blend.drive):
        return str(path)
    return bpy.path.relpath(str(path))


def _linked_if_read_alike(view: AlignedView) -> bpy.types.Image | None:
    """The file itself, or None when Blender reads it differently or not at all."""
    try:
        image: Any = _linked(view.path)
    except RuntimeError:
        return None
    if tuple(image.size) != view.mapping.photo_size:
        bpy.data.images.remove(image)
        return None
    image.buffers_free()  # only the size was needed; the pixels come back when they are drawn
    return image


def upright_image(view: AlignedView) -> bpy.types.Image:
    """The photo as its camera speaks of it, for a texture: the file itself, or a turned copy inside the .blend.

    Raises InputError as `add_background` does.
    """
    image, orientation = _photo(view)
    if orientation == 1:
        return image
    bpy.data.images.remove(image)
    return _packed_upright(view)


def _packed_upright(view: AlignedView) -> bpy.types.Image:
    """A copy inside the .blend, turned as EXIF says and without its lens's bend: Blender shows no such file itself."""
    return packed_image(view.name, _upright_file(view))


def packed_image(name: str, content: bytes) -> bpy.types.Image:
    """A new image inside the .blend, of a file's content."""
    image = bpy.data.images.new(name, 1, 1)
    image.pack(data=content, data_len=len(content))
    image.source = "FILE"
    return image


def _upright_file(view: AlignedView) -> bytes:
    upright = open_straight(view.path, view.mapping).image
    if upright.size != view.mapping.photo_size:
        raise InputError(
            f"The photo {view.path} has {upright.size[0]}x{upright.size[1]} pixels, not the "
            f"{view.mapping.photo_size[0]}x{view.mapping.photo_size[1]} it had; its camera has no background"
        )
    file = io.BytesIO()
    if view.path.suffix.lower() in LOSSLESS:
        upright.save(file, "PNG")
    else:
        upright.save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()
