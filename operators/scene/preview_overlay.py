"""Points and cameras that are still coming together, drawn over the 3D viewports. Nothing of it is in the scene."""

from typing import Any

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ...core.reconstruction.preview import Preview
from ...core.world.transform import WORLD_TO_Z_UP

POINT_SIZE, LINE_WIDTH = 3.0, 1.0  # pixels
CAMERA_COLOR = (1.0, 0.6, 0.1, 1.0)
OUTLINE = ((0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1))  # of Preview.cameras' five points
_handle: Any = None
_overlay: "_Overlay | None" = None


class _Overlay:
    """One preview, brought to the graphics card when it is first drawn."""

    def __init__(self, preview: Preview, scene: bpy.types.Scene) -> None:
        self._scene: int = scene.session_uid  # renamed, it is the same
        self._preview: Preview = preview
        self._batches: list[tuple[Any, Any]] = []

    def belongs_to(self, scene: bpy.types.Scene | None) -> bool:
        return scene is not None and scene.session_uid == self._scene

    def draw(self) -> None:
        if not self._batches:
            self._batches = [_points(self._preview), _cameras(self._preview)]
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.point_size_set(POINT_SIZE)
        gpu.state.line_width_set(LINE_WIDTH)
        (points, dots), (lines, outlines) = self._batches
        dots.draw(points)
        lines.uniform_float("color", CAMERA_COLOR)
        outlines.draw(lines)
        gpu.state.depth_test_set("NONE")
        gpu.state.point_size_set(1.0)


def show(preview: Preview, scene: bpy.types.Scene) -> None:
    """Draw a preview, in place of the last, wherever a viewport shows this scene; without a window nowhere."""
    global _handle, _overlay
    if bpy.app.background:
        return
    _overlay = _Overlay(preview, scene)
    if _handle is None:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def hide() -> None:
    """Draw nothing any more."""
    global _handle, _overlay
    _overlay = None
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None


def is_shown() -> bool:
    """Whether a preview is drawn."""
    return _handle is not None


def _draw() -> None:
    if _overlay is not None and _overlay.belongs_to(bpy.context.scene):
        _overlay.draw()


def _points(preview: Preview) -> tuple[Any, Any]:
    """Shader and batch; colours are drawn as they are in the photos."""
    shader = gpu.shader.from_builtin(_point_shader())
    colors = np.full((len(preview.color), 4), 255, np.uint8)
    colors[:, :3] = preview.color
    values = {"pos": to_blender(preview.position), "color": (colors / np.float32(255)).astype(np.float32)}
    return shader, batch_for_shader(shader, "POINTS", values)


def _cameras(preview: Preview) -> tuple[Any, Any]:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    corners = to_blender(preview.cameras)[:, np.array(OUTLINE)].reshape(-1, 3)
    return shader, batch_for_shader(shader, "LINES", {"pos": corners})  # pyright: ignore[reportArgumentType]  any buffer will do


def _point_shader() -> str:
    """Blender 4.5 and later have one of its own for points, and not every graphics library can do with another."""
    return "POINT_FLAT_COLOR" if bpy.app.version >= (4, 5) else "FLAT_COLOR"


def to_blender(points: np.ndarray) -> np.ndarray:
    """Core's world points (..., 3) along Blender's axes."""
    return np.ascontiguousarray(points @ WORLD_TO_Z_UP[:3, :3].T.astype(np.float32))
