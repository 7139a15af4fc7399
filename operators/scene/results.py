"""What of a result is shown, points or meshes, and one result in the place of another."""

from typing import Literal

import bpy

from .cameras import SIZE, VIEW_INDEX
from .materials import is_lit, set_lit
from .meshes import MESH, mesh_objects
from .point_cloud import points_modifier
from .reading import find_points, reconstructions

Kind = Literal["POINTS", "MESH"]
SKIES = {"ShaderNodeTexEnvironment", "ShaderNodeTexSky"}


def replace_result(scene: bpy.types.Scene, name: str, successor: bpy.types.Collection) -> None:
    """Remove the points, photo cameras and meshes of a result; what else its collection holds goes to the successor.

    The successor takes the name. Nothing happens where the scene has no such result any more, or only a library's.
    """
    earlier = next((one for one in reconstructions(scene) if one.name == name and one != successor), None)
    if earlier is None or earlier.library or earlier.override_library:
        return
    gone = [thing for thing in earlier.objects if _is_of_result(thing)]
    for thing in set(earlier.objects) - set(gone):
        successor.objects.link(thing)
    for child in earlier.children:
        successor.children.link(child)
    for marker in [marker for marker in scene.timeline_markers if marker.camera in gone]:
        scene.timeline_markers.remove(marker)
    data = {thing.data for thing in gone}
    bpy.data.batch_remove([*gone, earlier])
    bpy.data.batch_remove([block for block in data if block is not None and not block.users])
    successor.name = name


def show_kind(scene: bpy.types.Scene, collection: bpy.types.Collection, kind: Kind) -> None:
    """Show a result's points or its meshes, in viewports and renders; the others are hidden."""
    cloud, meshes = find_points(collection), mesh_objects(collection)
    for thing in (*([cloud] if cloud is not None else []), *meshes):
        is_off = (thing == cloud) == (kind == "MESH")
        thing.hide_render = is_off
        for layer in scene.view_layers:
            if thing.name in layer.objects:
                thing.hide_set(is_off, view_layer=layer)


def shown_kind(collection: bpy.types.Collection) -> Kind:
    """What renders show of a result."""
    cloud = find_points(collection)
    return "MESH" if (cloud is None or cloud.hide_render) and mesh_objects(collection) else "POINTS"


def light_meshes(collection: bpy.types.Collection, lit: bool) -> None:
    """Let light change what the meshes of a result show, or not."""
    for material in _materials(collection):
        set_lit(material, lit)


def are_meshes_lit(collection: bpy.types.Collection) -> bool:
    """Whether light changes any of them."""
    return any(is_lit(material) for material in _materials(collection))


def has_light(scene: bpy.types.Scene) -> bool:
    """Whether a lit mesh would be seen in a render: a lamp, or a picture or a sky around the scene."""
    if any(thing.type == "LIGHT" and not thing.hide_render for thing in scene.objects):
        return True
    tree = scene.world.node_tree if scene.world else None
    return tree is not None and any(node.bl_idname in SKIES for node in tree.nodes)


def _materials(collection: bpy.types.Collection) -> list[bpy.types.Material]:
    slots = [slot for thing in mesh_objects(collection) for slot in thing.material_slots]
    return [slot.material for slot in slots if slot.material is not None and slot.material.library is None]


def _is_of_result(thing: bpy.types.Object) -> bool:
    if thing.type == "CAMERA":
        return SIZE in thing and VIEW_INDEX in thing
    return thing.type == "MESH" and bool(MESH in thing or points_modifier(thing))
