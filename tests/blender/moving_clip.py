"""A movie of the moving picture, written by Blender."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
from dust3r.operators.scene.quiet import blender_silenced
from dust3r.tests.moving_picture import SIZE, write_photos

FPS = 25
ONE = 1 << 16  # 16.16 fixed point
MATRICES = ((ONE, 0, 0, 0, ONE), (0, ONE, 0, -ONE, 0), (-ONE, 0, 0, 0, -ONE), (0, -ONE, 0, ONE, 0))  # a, b, u, c, d


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


def held(clip: Path, quarters: int) -> Path:
    """The same movie as a phone writes it that was held so: to be turned clockwise by so many quarters."""
    data = clip.read_bytes()
    with_matrix = clip.with_name(f"{clip.stem} {quarters}{clip.suffix}")
    at = data.index(b"tkhd") + 44
    assert struct.unpack_from(">5i", data, at) == MATRICES[0]
    with_matrix.write_bytes(data[:at] + struct.pack(">5i", *MATRICES[quarters]) + data[at + 20 :])
    return with_matrix


def _prepare(scene: Any, path: Path, frames: int) -> None:
    render, image = scene.render, scene.render.image_settings
    render.resolution_x, render.resolution_y, render.resolution_percentage = *SIZE, 100
    render.fps, scene.frame_start, scene.frame_end = FPS, 1, frames
    if hasattr(image, "media_type"):
        image.media_type = "VIDEO"
    image.file_format, render.ffmpeg.format, render.ffmpeg.codec = "FFMPEG", "MPEG4", "H264"
    render.ffmpeg.constant_rate_factor, render.use_file_extension = "HIGH", False
    render.filepath, scene.view_settings.view_transform = str(path), "Standard"
