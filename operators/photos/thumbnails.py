"""Small pictures of the photos in the list."""

from pathlib import Path
from typing import Any

import bpy.utils.previews
import numpy as np

from ...core.errors import InputError
from ...core.images.heif import HEIC_SUFFIXES
from ...core.images.reader import open_thumbnail

SIDE = 64  # pixels: no side of a thumbnail is below it
_previews: Any = None


def icon(path: str) -> int:
    """The icon of a photo file, made when it is first shown."""
    global _previews
    if _previews is None:
        _previews = bpy.utils.previews.new()
    if path not in _previews:
        if Path(path).suffix.lower() in HEIC_SUFFIXES:
            _show(_previews.new(path), Path(path))
        else:
            _previews.load(path, path, "IMAGE")
    return _previews[path].icon_id


def _show(preview: Any, photo: Path) -> None:
    """The small picture that a phone puts into a HEIC photo, which Blender cannot read; nothing where there is none."""
    try:
        picture = open_thumbnail(photo, SIDE)
    except InputError:  # the list marks such photos
        picture = None
    if picture is None:
        return
    height, width = picture.shape[:2]
    opaque = np.ones((height, width, 4), np.float32)
    opaque[..., :3] = picture[::-1] / np.float32(255)  # Blender's rows go up
    preview.image_size = preview.icon_size = width, height
    preview.image_pixels_float.foreach_set(opaque.ravel())
    preview.icon_pixels_float.foreach_set(opaque.ravel())


def close_previews() -> None:
    """Free all thumbnails."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
