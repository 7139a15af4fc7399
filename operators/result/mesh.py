"""The surface of a finished reconstruction, as meshes in its collection."""

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...cli.verbs.mesh import mesh_arguments
from ...core.jobs.job import log_file
from ...core.meshing.files import load_meshes
from ...core.reconstruction.result import Reconstruction
from ..addon.properties import own_or_panel, settings_of
from ..jobs.folder_worker import FolderWorkerOperator
from ..scene.arrival import select_alone
from ..scene.found_again import Place, collection_again, scene_again
from ..scene.meshes import add_meshes
from ..scene.photo_visibility import without_photos_off
from ..scene.reading import active_reconstruction, read_reconstruction
from ..scene.results import has_light, light_meshes, show_kind
from ..scene.shared import check_own
from ..scene.world import moved_since
from .mesh_properties import MeshProperties, read_mesh_settings
from .on_reconstruction import OnReconstruction


class DUST3R_OT_create_mesh(OnReconstruction, MeshProperties, FolderWorkerOperator, bpy.types.Operator):
    """Make a surface of the active reconstruction's visible points, with the photos on it"""

    bl_idname = "dust3r.create_mesh"
    bl_label = "Create Mesh"
    bl_options = {"UNDO"}

    purpose = "mesh"
    _collection: Place
    _scene: Place
    _world: Reconstruction

    def take(self, context: bpy.types.Context, result: Path) -> None:
        scene, collection = scene_again(self._scene), collection_again(self._collection)
        move = moved_since(collection, self._world.world_frame)
        meshes = [mesh.moved(move) for mesh in load_meshes(result, self._world)]
        objects, warnings = add_meshes(scene, collection, meshes)
        light_meshes(collection, has_light(scene))
        show_kind(scene, collection, "MESH")
        if context.scene == scene and context.mode == "OBJECT":
            select_alone(context, [thing for thing in objects if thing.name in context.view_layer.objects])
        for warning in warnings:
            self.report({"WARNING"}, warning)
        faces = sum(len(mesh.faces) for mesh in meshes)
        single = rpt_("{}: {} faces").format(objects[0].name, faces)
        self.report({"INFO"}, single if len(objects) == 1 else rpt_("{} meshes").format(len(objects)))

    def begin(self, context: bpy.types.Context) -> None:
        chosen = own_or_panel(self, settings_of(context.scene).mesh, MeshProperties)
        settings, collection = read_mesh_settings(chosen), active_reconstruction(context)
        check_own(collection)
        self._scene, self._collection = Place.of(context.scene), Place.of(collection)
        self._world = without_photos_off(read_reconstruction(collection), collection)
        self._world.save(self._folder)
        output = ["--output", str(self._folder / "meshes.npz")]
        arguments = ["mesh", str(self._folder), *output, *mesh_arguments(settings)]
        self.start(context, arguments, rpt_("Creating a mesh"), log_file(self._folder))
