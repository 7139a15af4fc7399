"""A photo as Blender sees it behind its camera: upright, in step with the camera's pixels."""

import io
from typing import Any

import bpy

from ...core.errors import InputError
from ...core.photos import open_photo
from ...core.reconstruction import AlignedView

LOSSLESS = {".png", ".bmp", ".tif", ".tiff"}  # files whose upright copy is a PNG


def add_background(camera: bpy.types.Camera, view: AlignedView) -> bpy.types.Image:
    """The photo behind everything in the view through its camera, half transparent.

    Raises InputError when the photo is gone, cannot be read or is no longer the one that was reconstructed.
    """
    image = _photo(view)
    # Blender fits the image by its own aspect: give it the camera's where focal lengths differ
    fx, fy = view.K[0, 0], view.K[1, 1]
    image.display_aspect = (max(1.0, fy / fx), max(1.0, fx / fy))
    camera.show_background_images = True
    background = camera.background_images.new()
    background.image = image
    background.alpha = 0.5
    background.display_depth = "BACK"
    background.frame_method = "CROP"  # the default differs between Blender versions
    return image


def _photo(view: AlignedView) -> bpy.types.Image:
    if not view.path.is_file():
        raise InputError(f"The photo {view.path} is gone; its camera has no background until you put it back")
    if view.mapping.exif_orientation == 1:
        image = _linked(view)
        if image is not None:
            return image
    return _packed_upright(view)


def _linked(view: AlignedView) -> bpy.types.Image | None:
    """The file itself, or None when Blender reads it differently or not at all."""
    try:
        image: Any = bpy.data.images.load(str(view.path.absolute()), check_existing=False)
    except RuntimeError:
        return None
    if tuple(image.size) != view.mapping.photo_size:
        bpy.data.images.remove(image)
        return None
    image.buffers_free()  # only the size was needed; the pixels come back when they are drawn
    return image


def _packed_upright(view: AlignedView) -> bpy.types.Image:
    """A copy inside the .blend, turned as EXIF says: Blender itself shows the file's raw pixels."""
    content = _upright_file(view)
    image = bpy.data.images.new(view.name, 1, 1)
    image.pack(data=content, data_len=len(content))
    image.source = "FILE"
    return image


def _upright_file(view: AlignedView) -> bytes:
    upright = open_photo(view.path).image
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
