"""A movie of the moving picture, written by Blender."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
from dust3r.operators.scene.quiet import blender_silenced
from dust3r.tests.moving_picture import SIZE, write_photos

FPS = 25


def write_clip(path: Path, places: Sequence[int]) -> Path:
    """An MP4 whose frames show the picture from these places of the camera."""
    scene: Any = bpy.data.scenes.new("clip")
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    folder = path.parent / "source"
    folder.mkdir()
    for number, photo in enumerate(write_photos(folder, places), 1):
        strips.new_image(photo.name, str(photo), 1, number)
    _prepare(scene, path, len(places))
    with blender_silenced():
        bpy.ops.render.render(animation=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    return path


def _prepare(scene: Any, path: Path, frames: int) -> None:
    render, image = scene.render, scene.render.image_settings
    render.resolution_x, render.resolution_y, render.resolution_percentage = *SIZE, 100
    render.fps, scene.frame_start, scene.frame_end = FPS, 1, frames
    if hasattr(image, "media_type"):
        image.media_type = "VIDEO"
    image.file_format, render.ffmpeg.format, render.ffmpeg.codec = "FFMPEG", "MPEG4", "H264"
    render.ffmpeg.constant_rate_factor, render.use_file_extension = "HIGH", False
    render.filepath, scene.view_settings.view_transform = str(path), "Standard"
