"""The points of a reconstruction as one vertices-only mesh with attributes and a live filter."""

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.flaws import bits_of, surface_flaws
from ...core.reconstruction.result import PointCloud
from .flaws import hidden_flaws, read_flaws, set_flaws
from .points_nodes import (
    COLOR,
    CONFIDENCE,
    DISPLAY_PERCENTAGE,
    HIDDEN,
    HIDE,
    NODES_NAME,
    SIZE,
    VIEW,
    has_points_input,
    is_earlier,
    points_input,
    points_node_group,
    points_slot,
    set_points_input,
)

RADIUS_PER_SPACING = 0.75  # above half the diagonal of a pixel, so that surfaces seen head-on have no holes
VIEWPORT_SHARE = "Viewport Share"  # of the first version, 0 to 1: what is the Display Percentage now
SELECTION = ".select_vert"  # what Blender adds to new vertices by itself
DISPLAYED = 2_000_000  # points that viewports show unless told: filters then follow the mouse


def add_points(
    collection: bpy.types.Collection,
    name: str,
    points: PointCloud,
    spacing: float,
    min_confidence: float,
    display_percentage: float | None = None,
    hide: Iterable[str] = (),
) -> bpy.types.Object:
    """A new object in `collection` that holds every point; those below `min_confidence` are only hidden.

    So are those with a flaw that `hide` names. points: in Blender's world. spacing: typical distance of neighbouring
    points, scene units. display_percentage: of the points, in viewports; None for all, at most DISPLAYED. Attributes:
    position, color (stored as the photo's sRGB bytes, read linear by shaders), confidence, view, size (distance of its
    neighbours over the usual) and, where flaws were looked for, one boolean for each.
    """
    if display_percentage is None:
        display_percentage = 100 * min(1, DISPLAYED / max(1, len(points.position)))
    cloud = bpy.data.objects.new(name, points_mesh(name, points))
    collection.objects.link(cloud)
    modifier: Any = cloud.modifiers.new(NODES_NAME, "NODES")
    modifier.node_group = points_node_group()
    set_points_input(modifier, "Radius", RADIUS_PER_SPACING * spacing)
    set_points_input(modifier, "Minimum Confidence", min_confidence)
    set_points_input(modifier, DISPLAY_PERCENTAGE, float(display_percentage))
    for flaw in hide:
        set_points_input(modifier, HIDE[flaw], True)
    return cloud


def points_modifier(thing: Any) -> Any:
    """The modifier that filters and colours the points, when the object is a point cloud of ours; else None."""
    for modifier in thing.modifiers:
        if modifier.type == "NODES" and modifier.node_group and modifier.node_group.name.startswith(NODES_NAME):
            return modifier
    return None


def renew_nodes(cloud: Any) -> bool:
    """Give a point cloud that an earlier version made today's node group; its inputs keep their values.

    Returns whether it was one.
    """
    modifier = points_modifier(cloud)
    if modifier is None or not is_earlier(modifier.node_group):
        return False
    share = points_input(modifier, VIEWPORT_SHARE) if has_points_input(modifier, VIEWPORT_SHARE) else None
    modifier.node_group = points_node_group()  # its first inputs are the earlier ones
    if share is not None:
        set_points_input(modifier, DISPLAY_PERCENTAGE, 100 * share)
    return True


def display_sliders(scene: bpy.types.Scene) -> list[tuple[str, Any, str]]:
    """Of each point cloud of ours in the scene: its name, and the owner and path of its Display Percentage."""
    clouds = [(thing.name, points_modifier(thing)) for thing in scene.objects if thing.type == "MESH"]
    return [
        (name, *points_slot(modifier, DISPLAY_PERCENTAGE))
        for name, modifier in clouds
        if modifier is not None and has_points_input(modifier, DISPLAY_PERCENTAGE)
    ]


def confident_points(cloud: bpy.types.Object, views: list[int]) -> NDArray[np.float32]:
    """(N, 3), world: the points of these photos that the cloud's filters let through."""
    if points_modifier(cloud) is None:
        return np.zeros((0, 3), np.float32)
    points = read_points(cloud)
    kept = np.isin(points.view, views) & shown_points(cloud, points)
    to_world = np.array(cloud.matrix_world)
    return points.position[kept] @ to_world[:3, :3].T + to_world[:3, 3]


def shown_points(cloud: bpy.types.Object, points: PointCloud) -> NDArray[np.bool_]:
    """(N,): which of the points that `read_points` gave are shown: sure enough, without flaws, of photos not off."""
    kept = points.confidence >= minimum_confidence(cloud)
    mesh: Any = cloud.data
    some_off = HIDDEN in mesh.attributes
    if points.flaws is not None:
        hidden = hidden_flaws(points_modifier(cloud))
        kept &= points.flaws & np.uint8(bits_of(surface_flaws(hidden) if some_off else hidden)) == 0
    if some_off:
        off = np.empty(len(kept), bool)
        mesh.attributes[HIDDEN].data.foreach_get("value", off)
        kept &= ~off
    return kept


def minimum_confidence(cloud: bpy.types.Object) -> float:
    """Below it the points of a point cloud of ours are hidden now."""
    return points_input(points_modifier(cloud), "Minimum Confidence")


def read_points(cloud: bpy.types.Object) -> PointCloud:
    """Every point of a point cloud of ours, hidden ones too, in its own frame; raises InputError in Edit Mode."""
    check_not_edited(cloud)
    mesh: Any = cloud.data
    count = len(mesh.vertices)
    points = PointCloud.empty(count, read_flaws(mesh), SIZE in mesh.attributes)
    if count:  # else there is no attribute "position" either
        mesh.attributes["position"].data.foreach_get("vector", points.position.reshape(-1))
    rgba = np.empty(count * 4, np.float32)
    mesh.attributes[COLOR].data.foreach_get("color_srgb", rgba)
    points.color[:] = np.rint(rgba.reshape(-1, 4)[:, :3] * 255)
    mesh.attributes[CONFIDENCE].data.foreach_get("value", points.confidence)
    mesh.attributes[VIEW].data.foreach_get("value", points.view)
    if points.size is not None:
        mesh.attributes[SIZE].data.foreach_get("value", points.size)
    return points


def check_not_edited(cloud: bpy.types.Object) -> None:
    """Raises InputError in Edit Mode, in which Blender shows nobody a mesh's attributes."""
    if getattr(cloud.data, "is_editmode", False):
        raise InputError(f"{cloud.name!r} is in Edit Mode; go back to Object Mode")


def points_mesh(name: str, points: PointCloud) -> bpy.types.Mesh:
    """A new vertices-only mesh: attributes position, color, confidence, view and, where known, size and the flaws'."""
    mesh: Any = bpy.data.meshes.new(name)
    mesh.vertices.add(len(points.position))
    selection = mesh.attributes.get(SELECTION)
    if selection is not None:
        mesh.attributes.remove(selection)  # one more byte of every point in every file
    # the colors first: what they take on the way is given back before the others take theirs
    add_attribute(mesh, COLOR, "BYTE_COLOR", "color_srgb", rgba(points.color))
    add_attribute(mesh, CONFIDENCE, "FLOAT", "value", points.confidence)
    add_attribute(mesh, VIEW, "INT", "value", points.view)
    if points.size is not None:
        add_attribute(mesh, SIZE, "FLOAT", "value", points.size)
    if points.flaws is not None:
        set_flaws(mesh, points.flaws)
    if len(points.position):  # else there is no attribute "position" either
        mesh.attributes["position"].data.foreach_set("vector", points.position.ravel())
    mesh.update()
    return mesh


def add_attribute(mesh: Any, name: str, kind: str, field: str, values: np.ndarray) -> None:
    """One more attribute of the vertices, its values under a field's name as Blender calls it."""
    mesh.attributes.new(name, kind, "POINT").data.foreach_set(field, values.ravel())


def rgba(color: np.ndarray) -> np.ndarray:
    """(N, 4) float32 in [0, 1], opaque: what Blender turns back into the same bytes."""
    rgba = np.empty((len(color), 4), np.float32)
    for channel in range(3):  # rows of three are far slower
        np.multiply(color[:, channel], np.float32(1 / 255), out=rgba[:, channel])
    rgba[:, 3] = 1
    return rgba
