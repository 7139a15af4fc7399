"""Cameras and visible points as glTF and USD, written by Blender's own exporters.

The files hold what the scene shows now: moved cameras and points are where they were moved to. Blender's exporters
turn the axes: glTF has y up, USD says in itself that z is up. Neither keeps a photo's own format: all cameras have the
aspect of the first photo, and their own horizontal angle of view; glTF has no place for a shifted lens either.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...core.errors import InputError
from ...core.io.atomic import check_writable, record
from ...core.io.interruption import held_back
from ...core.reconstruction.result import PointCloud
from .cameras import SIZE, use_photo_format
from .meshes import MESH, mesh_objects
from .point_cloud import points_mesh, points_modifier, read_points, shown_points
from .points_nodes import points_input
from .quiet import blender_silenced
from .reading import find_points

POINTS_ONLY: dict[str, Any] = {
    "use_mesh_vertices": True,
    "export_vertex_color": "MATERIAL",  # ACTIVE ones would darken a texture; points have no material
    "export_all_vertex_colors": True,
}


def export_scene_format(collection: bpy.types.Collection, folder: Path, format_name: str) -> Path:
    """Write one of core's SCENE_FORMATS into a folder, named as the collection; returns the file. Raises InputError."""
    write, suffix = WRITERS[format_name]
    path = folder / f"{bpy.path.clean_name(collection.name)}{suffix}"
    write(collection, path)
    return path


def export_gltf(collection: bpy.types.Collection, path: Path) -> None:
    """Write a .glb: points as a mesh of loose vertices with colours, cameras and meshes. Raises InputError."""
    with _private_scene(collection) as scene:
        export_gltf_scene(scene, path)


def export_gltf_scene(scene: bpy.types.Scene, path: Path) -> None:
    """Write all of a scene as a .glb; materials that shine become such as no light changes. Raises InputError."""
    _write(bpy.ops.export_scene.gltf, scene, path, use_active_scene=True, export_cameras=True, **POINTS_ONLY)


def export_usd(collection: bpy.types.Collection, path: Path) -> None:
    """Write a .usdc: a Points prim with widths and colours, cameras, meshes; pictures beside it. Raises InputError."""
    with _private_scene(collection) as scene:
        _as_point_cloud(scene)
        _write(bpy.ops.wm.usd_export, scene, path, evaluation_mode="RENDER", export_custom_properties=False)


WRITERS = {"gltf": (export_gltf, ".glb"), "usd": (export_usd, ".usdc")}


def _write(operator: Any, scene: bpy.types.Scene, path: Path, **options: Any) -> None:
    _require(operator, path)
    _refuse(path)
    check_writable(path)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as scratch:
        made = Path(scratch) / path.name
        try:
            with blender_silenced(), _in_scene(scene):
                operator(filepath=str(made), **options)
            beside = [one for one in Path(scratch).iterdir() if one != made]  # a folder of pictures
            for one in beside:
                _refuse(path.with_name(one.name))
            with held_back():
                for one in (*beside, made):
                    one.rename(path.with_name(one.name))
                    record(path.with_name(one.name))
        except (OSError, RuntimeError) as error:
            raise InputError(f"Cannot write {path}: {error}; choose another place") from error


def _require(operator: Any, path: Path) -> None:
    try:
        operator.get_rna_type()
    except KeyError as error:
        raise InputError(
            f"This Blender has no exporter of {path.suffix} files; enable its add-on, or take a Blender that has it"
        ) from error


def _refuse(taken: Path) -> None:
    if os.path.lexists(taken):
        raise InputError(f"{taken} exists already; choose another folder, nothing is overwritten")


@contextmanager
def _private_scene(collection: bpy.types.Collection) -> Iterator[bpy.types.Scene]:
    """A scene with the visible points as a plain mesh, the collection's own cameras and meshes; gone afterwards."""
    cloud = find_points(collection)
    if cloud is None:
        raise InputError(f"{collection.name!r} holds no points of ours; choose a collection that DUSt3R made")
    mesh = _visible_mesh(cloud)  # first: it may refuse
    scene = bpy.data.scenes.new("DUSt3R export")
    points = bpy.data.objects.new(mesh.name, mesh)
    try:
        points.matrix_world = cloud.matrix_world
        scene.collection.objects.link(points)
        cameras = [thing for thing in collection.objects if thing.type == "CAMERA" and SIZE in thing]
        for thing in (*cameras, *mesh_objects(collection)):
            scene.collection.objects.link(thing)
        for camera in cameras[:1]:
            use_photo_format(scene, camera)
        yield scene
    finally:
        data = {mesh, points.data}  # another one after `_as_point_cloud`
        bpy.data.scenes.remove(scene)
        bpy.data.objects.remove(points)
        bpy.data.batch_remove(list(data))


def _visible_mesh(cloud: bpy.types.Object) -> bpy.types.Mesh:
    """The points that the modifier lets through, with its radius."""
    points = read_points(cloud)
    kept = shown_points(cloud, points)
    arrays: dict[str, Any] = {one.name: getattr(points, one.name) for one in fields(points)}
    arrays = {name: None if values is None else values[kept] for name, values in arrays.items()}
    mesh: Any = points_mesh("Points", PointCloud(**arrays))
    mesh.color_attributes.active_color_index = mesh.color_attributes.render_color_index = 0
    radius = np.full(np.count_nonzero(kept), points_input(points_modifier(cloud), "Radius"), np.float32)
    if arrays["size"] is not None:
        radius *= arrays["size"]
    mesh.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", radius)
    return mesh


def _as_point_cloud(scene: bpy.types.Scene) -> None:
    """Turn the mesh into what USD knows as Points, from Blender 4.3 on: 4.2 cannot, and writes a mesh without faces."""
    convert: Any = bpy.ops.object.convert
    if "POINTCLOUD" not in convert.get_rna_type().properties["target"].enum_items:
        return
    points = next(thing for thing in scene.objects if thing.type == "MESH" and MESH not in thing)
    chosen = {"selected_objects": [points], "selected_editable_objects": [points]}
    with _in_scene(scene, object=points, active_object=points, **chosen):
        convert(target="POINTCLOUD")


def _in_scene(scene: bpy.types.Scene, **more: Any) -> Any:
    return bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0], **more)
