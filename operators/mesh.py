"""The surface of a finished reconstruction, as meshes in its collection."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_

from ..cli.mesh_arguments import mesh_arguments
from ..core.errors import ReconstructionError
from ..core.job import log_file
from ..core.meshing.files import load_meshes
from ..core.reconstruction import Reconstruction
from .mesh_properties import MeshProperties, read_mesh_settings
from .preferences import user_folder
from .properties import settings_of
from .running import WorkerOperator
from .scene.meshes import add_meshes
from .scene.photo_visibility import without_photos_off
from .scene.reading import find_collection, read_reconstruction
from .scene.shared import check_own


class DUST3R_OT_create_mesh(MeshProperties, WorkerOperator, bpy.types.Operator):
    """Make a surface of the active reconstruction's visible points, with the photos on it"""

    bl_idname = "dust3r.create_mesh"
    bl_label = "Create Mesh"
    bl_options = {"UNDO"}

    _folder: Path
    _collection: str
    _scene: str
    _world: Reconstruction

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if find_collection(context) is None:
            cls.poll_message_set(tip_("Reconstruct some photos first"))
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._folder = Path(tempfile.mkdtemp(prefix="mesh-", dir=user_folder("jobs")))
        try:
            arguments = self._prepare(context)
            self.start(context, arguments, rpt_("Creating a mesh"), log_file(self._folder))
        except ReconstructionError as error:
            self.tidy(failed=True)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return self.finish(context) if bpy.app.background else self.watch(context)

    def take(self, context: bpy.types.Context, result: Path) -> None:
        scene, collection = bpy.data.scenes.get(self._scene), bpy.data.collections.get(self._collection)
        if scene is None or collection is None:
            raise ReconstructionError(f"The reconstruction {self._collection} is gone; choose another and try again")
        meshes = load_meshes(result, self._world)
        objects, warnings = add_meshes(scene, collection, meshes)
        for warning in warnings:
            self.report({"WARNING"}, warning)
        faces = sum(len(mesh.faces) for mesh in meshes)
        single = rpt_("{}: {} faces").format(objects[0].name, faces)
        self.report({"INFO"}, single if len(objects) == 1 else rpt_("{} meshes").format(len(objects)))

    def tidy(self, failed: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self, context: bpy.types.Context) -> list[str]:
        """Write the world down for the worker, and say what it has to do; raises ReconstructionError."""
        settings, collection = read_mesh_settings(self._chosen(context)), find_collection(context)
        if collection is None:
            raise ReconstructionError("There is no reconstruction in this scene; reconstruct some photos first")
        check_own(collection)
        self._scene, self._collection = context.scene.name, collection.name
        self._world = without_photos_off(read_reconstruction(collection), collection)
        self._world.save(self._folder)
        return ["mesh", str(self._folder), "--output", str(self._folder / "meshes.npz"), *mesh_arguments(settings)]

    def _chosen(self, context: bpy.types.Context) -> dict[str, Any]:
        """The caller's values where given, the scene's otherwise."""
        panel = settings_of(context.scene).mesh
        given = self.properties.is_property_set
        return {name: getattr(self if given(name) else panel, name) for name in MeshProperties.__annotations__}
