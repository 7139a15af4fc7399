"""Small pictures of the photos in the list."""

from typing import Any

import bpy.utils.previews

_previews: Any = None


def icon(path: str) -> int:
    """The icon of a photo file, made when it is first shown."""
    global _previews
    if _previews is None:
        _previews = bpy.utils.previews.new()
    if path not in _previews:
        _previews.load(path, path, "IMAGE")
    return _previews[path].icon_id


def close_previews() -> None:
    """Free all thumbnails."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
