"""A photo as Blender sees it behind its camera: upright, in step with the camera's pixels."""

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import InputError
from ...core.reconstruction import AlignedView

if TYPE_CHECKING:
    from PIL.Image import Image

LOSSY = {"JPEG", "MPO", "HEIF", "AVIF"}  # formats whose upright copy may be a JPEG
PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}


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
    try:
        from PIL import Image, ImageOps  # here, not above: most photos do not need it
    except ImportError as error:
        raise InputError(
            f"The photo {view.path} needs Pillow to be shown upright; install it for a background"
        ) from error
    with suppress(ImportError):
        from pillow_heif import register_heif_opener  # pyright: ignore[reportMissingImports]

        register_heif_opener()
    try:
        with Image.open(view.path) as photo:
            form, upright = photo.format, ImageOps.exif_transpose(photo)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"The photo {view.path} cannot be read ({error}); its camera has no background") from error
    if upright.size != view.mapping.photo_size:
        raise InputError(
            f"The photo {view.path} has {upright.size[0]}x{upright.size[1]} pixels, not the "
            f"{view.mapping.photo_size[0]}x{view.mapping.photo_size[1]} it had; its camera has no background"
        )
    return _encoded(upright, form in LOSSY)


def _encoded(upright: "Image", lossy: bool) -> bytes:
    file = io.BytesIO()
    if lossy:
        upright.convert("RGB").save(file, "JPEG", quality=95, subsampling=0)
    else:
        (upright if upright.mode in PNG_MODES else upright.convert("RGB")).save(file, "PNG")
    return file.getvalue()
