"""Stills of the points without a window."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import InputError, ReconstructionError
from ...core.io.atomic import replacing

PNG_END = b"IEND\xaeB`\x82"


def render_still(
    scene: bpy.types.Scene,
    path: Path,
    *,
    samples: int = 16,
    size: tuple[int, int] | None = None,
    camera: bpy.types.Object | None = None,
) -> None:
    """Render one PNG with Cycles on the CPU; afterwards the scene's settings are as before.

    size: (width, height), the scene's when None. camera: the scene's when None; a marker at this frame does not
    overrule it. Colours come out as stored (view transform Standard). Raises InputError when the file cannot be
    written or there is no camera, ReconstructionError when Cycles is switched off.
    """
    camera = camera or scene.camera
    if camera is None:
        raise InputError(f"The scene {scene.name!r} has no camera to render from; choose one")
    if not hasattr(scene, "cycles"):
        raise ReconstructionError("Rendering needs Cycles, which is switched off; enable the add-on Cycles")
    with tempfile.TemporaryDirectory() as folder, _changed(_settings(scene, camera, samples, size)):
        still = Path(folder) / "still.png"
        scene.render.filepath = str(still)
        bpy.ops.render.render(write_still=True, scene=scene.name)
        keep_picture(still, path)


def keep_picture(rendered: Path, path: Path) -> None:
    """Write a PNG that Blender rendered to a scratch file; raises InputError when that is not whole, or for `path`."""
    content = rendered.read_bytes() if rendered.exists() else b""
    if not content.endswith(PNG_END):  # Blender does not say when the disk cuts a picture off
        raise InputError(f"Cannot write {path}: the disk for temporary files is full; free some space")
    with replacing(path) as file:
        file.write(content)


def _settings(
    scene: bpy.types.Scene, camera: bpy.types.Object, samples: int, size: tuple[int, int] | None
) -> list[tuple[Any, str, Any]]:
    """Every (owner, property, value) that the still needs, in the order in which Blender accepts them."""
    render, cycles = scene.render, scene.cycles  # pyright: ignore[reportAttributeAccessIssue]
    width, height = size or (render.resolution_x, render.resolution_y)
    free = [(marker, "camera", None) for marker in scene.timeline_markers if marker.camera]
    return [
        *free,  # bound markers would change the camera when the render starts
        (scene, "camera", camera),
        (render, "engine", "CYCLES"),
        (cycles, "device", "CPU"),
        (cycles, "samples", samples),
        (cycles, "use_denoising", False),
        (render, "resolution_x", width),
        (render, "resolution_y", height),
        (render, "resolution_percentage", 100 if size else render.resolution_percentage),
        (render, "use_compositing", False),
        (render, "use_sequencer", False),
        (render, "use_file_extension", False),
        (render, "filepath", render.filepath),
        (render.image_settings, "file_format", "PNG"),
        (render.image_settings, "color_mode", "RGB"),
        (render.image_settings, "color_depth", "8"),
        (scene.view_settings, "view_transform", "Standard"),
        (scene.view_settings, "look", "None"),
        (scene.view_settings, "exposure", 0.0),
        (scene.view_settings, "gamma", 1.0),
    ]


@contextmanager
def _changed(settings: list[tuple[Any, str, Any]]) -> Iterator[None]:
    """The settings hold inside the block; outside it all are as they were, the last changed first restored."""
    with ExitStack() as restore:
        for owner, name, value in settings:
            restore.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield
