"""The points' colors in Solid and Wireframe viewports, which know none of a point cloud: drawn over its gray points."""

from typing import Any

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from .materials import SHOWN_COLOR
from .point_cloud import points_modifier

SHADINGS = {"SOLID", "WIREFRAME"}
NEARER = 1.5  # radii by which the colors lie before the points
VERTEX = """
void main() {
  gl_Position = to_clip * vec4(pos, 1.0) + radius * nearer;
  gl_PointSize = clamp(radius * pixels / gl_Position.w, 2.0, 64.0);
  point_color = color;
}
"""
FRAGMENT = """
void main() {
  if (length(gl_PointCoord - vec2(0.5)) > 0.5) { discard; }
  fragment = point_color;
}
"""
_handle: Any = None
_shader: Any = None
_was_made = False  # whether the shader was compiled or at least tried
_batches: dict[int, Any] = {}  # by the object's session_uid; None where no point is shown


def register() -> None:
    """Draw from now on; without a window nothing is drawn."""
    global _handle
    bpy.app.handlers.depsgraph_update_post.append(_forget_changed)
    for handlers in (bpy.app.handlers.load_pre, bpy.app.handlers.undo_post, bpy.app.handlers.redo_post):
        handlers.append(_forget)
    if not bpy.app.background:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def unregister() -> None:
    """No more."""
    global _handle, _shader, _was_made
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
    _handle, _shader, _was_made = None, None, False
    _batches.clear()
    bpy.app.handlers.depsgraph_update_post.remove(_forget_changed)
    for handlers in (bpy.app.handlers.load_pre, bpy.app.handlers.undo_post, bpy.app.handlers.redo_post):
        handlers.remove(_forget)


@bpy.app.handlers.persistent
def _forget_changed(_: Any, depsgraph: bpy.types.Depsgraph) -> None:
    for update in depsgraph.updates:
        if update.is_updated_geometry and isinstance(update.id, bpy.types.Object):
            _batches.pop(update.id.original.session_uid, None)


@bpy.app.handlers.persistent
def _forget(*_: Any) -> None:
    _batches.clear()


def colored_points(context: bpy.types.Context, cloud: bpy.types.Object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the modifier shows: positions (N, 3) and radii (N,), the object's frame; colors (N, 4), linear RGBA."""
    for instance in context.evaluated_depsgraph_get().object_instances:
        points: Any = instance.object.data
        if instance.object.original == cloud and instance.object.type == "POINTCLOUD":
            count = len(points.points)
            position, color = np.empty((count, 3), np.float32), np.empty((count, 4), np.float32)
            radius = np.empty(count, np.float32)
            points.attributes["position"].data.foreach_get("vector", position.reshape(-1))
            points.attributes[SHOWN_COLOR].data.foreach_get("color", color.reshape(-1))
            points.attributes["radius"].data.foreach_get("value", radius)
            return position, radius, color
    return np.empty((0, 3), np.float32), np.empty(0, np.float32), np.empty((0, 4), np.float32)


def _draw() -> None:
    context = bpy.context
    space: Any = context.space_data
    if space.shading.type not in SHADINGS:
        return
    for cloud in context.scene.objects:
        if (
            cloud.type == "MESH"
            and points_modifier(cloud)
            and cloud.mode == "OBJECT"
            and cloud.visible_get(viewport=space)
        ):
            _draw_cloud(context, cloud)


def _draw_cloud(context: Any, cloud: bpy.types.Object) -> None:
    global _shader, _was_made
    if _shader is None:
        if _was_made:
            return  # this graphics driver does not take it, which was said once
        _was_made = True
        _shader = _make_shader()
    if cloud.session_uid not in _batches:
        position, radius, color = colored_points(context, cloud)
        content: Any = {"pos": position, "radius": radius, "color": color}
        _batches[cloud.session_uid] = batch_for_shader(_shader, "POINTS", content) if len(position) else None
    batch = _batches[cloud.session_uid]
    if batch is None:
        return
    scale = cloud.matrix_world.median_scale
    projection = context.region_data.window_matrix
    _shader.bind()
    _shader.uniform_float("to_clip", context.region_data.perspective_matrix @ cloud.matrix_world)
    _shader.uniform_float("nearer", projection.col[2] * (NEARER * scale))
    _shader.uniform_float("pixels", 1.2 * projection[1][1] * scale * context.region.height)
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.depth_mask_set(True)
    gpu.state.program_point_size_set(True)
    batch.draw(_shader)
    gpu.state.program_point_size_set(False)
    gpu.state.depth_mask_set(False)
    gpu.state.depth_test_set("NONE")


def _make_shader() -> Any:
    """Round points as large as their radius is seen."""
    between = gpu.types.GPUStageInterfaceInfo("dust3r_point")
    between.smooth("VEC4", "point_color")
    info: Any = gpu.types.GPUShaderCreateInfo()
    for kind, name in (("MAT4", "to_clip"), ("VEC4", "nearer"), ("FLOAT", "pixels")):
        info.push_constant(kind, name)
    info.vertex_in(0, "VEC3", "pos")
    info.vertex_in(1, "FLOAT", "radius")
    info.vertex_in(2, "VEC4", "color")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "fragment")
    info.vertex_source(VERTEX)
    info.fragment_source(FRAGMENT)
    return gpu.shader.create_from_info(info)
