"""Meshes of a reconstruction as Blender objects with their pictures."""

import io
import logging
from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
from PIL import Image

from ...core.errors import InputError
from ...core.meshing.mesh import Mesh
from ...core.reconstruction.result import AlignedView
from ...core.world.transform import WORLD_TO_Z_UP
from .backgrounds import packed_image, upright_image
from .cameras import PHOTO, camera_data
from .materials import mesh_material
from .point_cloud import add_attribute, rgba
from .points_nodes import COLOR
from .reading import find_points
from .shared import check_own, taken_back_on_failure

MESH = "dust3r_mesh"  # custom property of our mesh objects: the mesh's name
UV = "UVMap"

logger = logging.getLogger(__name__)


def add_meshes(
    scene: bpy.types.Scene, collection: bpy.types.Collection, meshes: Sequence[Mesh]
) -> tuple[list[bpy.types.Object], list[str]]:
    """An object in the collection for each mesh, where the points are or were moved to; all or nothing.

    Their materials show the picture, or the vertices' colours where there is none, whatever the light. Also returns
    warnings: photos that are gone, whose meshes then have no picture. Raises InputError for a library's collection.
    """
    check_own(collection)
    warnings: list[str] = []
    cloud = find_points(collection)
    with taken_back_on_failure(scene):
        objects = [_add_mesh(collection, mesh, warnings) for mesh in meshes]
        for thing in objects:
            if cloud is not None:
                thing.matrix_world = cloud.matrix_world
    return objects, warnings


def mesh_objects(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The meshes that `add_meshes` made and that are still there."""
    return [thing for thing in collection.objects if thing.type == "MESH" and MESH in thing]


def _add_mesh(collection: bpy.types.Collection, mesh: Mesh, warnings: list[str]) -> bpy.types.Object:
    name = f"{collection.name} {mesh.name}"
    data = mesh_data(name, mesh)
    data.materials.append(mesh_material(name, _picture(collection, name, mesh, warnings) or COLOR))
    thing = bpy.data.objects.new(name, data)
    thing[MESH] = mesh.name
    collection.objects.link(thing)
    return thing


def mesh_data(name: str, mesh: Mesh) -> bpy.types.Mesh:
    """A new mesh in Blender's world, with the vertices' colours and, where it has one, a UV map."""
    data: Any = bpy.data.meshes.new(name)
    corners = mesh.faces.size
    data.vertices.add(len(mesh.vertices))
    data.loops.add(corners)
    data.polygons.add(len(mesh.faces))
    turned = mesh.vertices @ WORLD_TO_Z_UP[:3, :3].T.astype(np.float32)
    data.attributes["position"].data.foreach_set("vector", turned.ravel())
    data.loops.foreach_set("vertex_index", mesh.faces.ravel())
    data.polygons.foreach_set("loop_start", np.arange(0, corners, 3, dtype=np.int32))
    data.update(calc_edges=True)
    add_attribute(data, COLOR, "BYTE_COLOR", "color_srgb", rgba(mesh.colors))
    data.color_attributes.active_color_index = data.color_attributes.render_color_index = 0
    if mesh.uv is not None:
        data.uv_layers.new(name=UV, do_init=False).uv.foreach_set("vector", mesh.uv.ravel())
    return data


def _picture(collection: bpy.types.Collection, name: str, mesh: Mesh, warnings: list[str]) -> bpy.types.Image | None:
    if mesh.texture is not None:
        file = io.BytesIO()
        Image.fromarray(mesh.texture).save(file, format="PNG")
        return packed_image(name, file.getvalue())
    if mesh.photo is None:
        return None
    try:
        return _background(collection, mesh.photo) or upright_image(mesh.photo)
    except InputError as error:
        logger.warning("%s", error)
        warnings.append(str(error))
        return None


def _background(collection: bpy.types.Collection, view: AlignedView) -> bpy.types.Image | None:
    """The photo's image behind its camera, where that is upright: its pixels are then in memory once."""
    for thing in collection.objects:
        if thing.type == "CAMERA" and thing.get(PHOTO) == view.name and view.mapping.exif_orientation == 1:
            images = [background.image for background in camera_data(thing).background_images]
            return next((image for image in images if image is not None), None)
    return None
