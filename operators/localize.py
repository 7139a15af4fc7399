"""One more photo into a finished reconstruction: its camera, and nothing else."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from ..core.errors import ReconstructionError
from ..core.job import Job, log_file
from ..core.localization_settings import LocalizationSettings
from ..core.photos import SUFFIXES
from ..core.reconstruction import Reconstruction
from .preferences import cache_bytes, cache_folder, user_folder
from .properties import find_chosen_model, read_settings, settings_of
from .running import WorkerOperator
from .scene.localized import add_localized
from .scene.reading import find_collection, read_reconstruction

DEFAULTS = LocalizationSettings()


class DUST3R_OT_localize_photo(WorkerOperator, bpy.types.Operator):
    """Find where another photo was taken and add its camera to the reconstruction, which stays as it is"""

    bl_idname = "dust3r.localize_photo"
    bl_label = "Localise a Photo"
    bl_options = {"UNDO"}

    filepath: StringProperty(name="Photo", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in sorted(SUFFIXES)), options={"HIDDEN"})
    way: EnumProperty(
        name="Way",
        description="What the camera is found from",
        items=(
            ("matches", "Matches", "All pixels whose points are known, at once"),
            ("relative", "Relative Pose", "The pose to the best single photo, scaled by that photo's depth"),
        ),
        default=DEFAULTS.way,
    )
    neighbours: IntProperty(
        name="Neighbours",
        description="Photos of the reconstruction, the most alike, that the new one is compared with",
        default=DEFAULTS.neighbours,
        min=1,
        soft_max=20,
    )
    min_inlier_share: FloatProperty(
        name="Least Agreement",
        description="Share of the matches that must agree on the camera; below it the photo is refused",
        default=DEFAULTS.min_inlier_share,
        min=0,
        max=1,
    )

    _folder: Path
    _collection: str
    _scene: str

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if find_collection(context) is None:
            cls.poll_message_set("Reconstruct some photos first")
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._folder = Path(tempfile.mkdtemp(prefix="localize-", dir=user_folder("jobs")))
        try:
            arguments = self._prepare(context)
            title = f"Localising {Path(self.filepath).name}"
            self.start(context, arguments, title, log_file(self._folder))
        except ReconstructionError as error:
            self.tidy(failed=True)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return self.finish(context) if bpy.app.background else self.watch(context)

    def take(self, context: bpy.types.Context, result: Path) -> None:
        scene, collection = bpy.data.scenes.get(self._scene), bpy.data.collections.get(self._collection)
        if scene is None or collection is None:
            raise ReconstructionError(f"The reconstruction {self._collection} is gone; choose another and try again")
        placed = Reconstruction.load(result)
        camera, warnings = add_localized(scene, collection, placed)
        for warning in warnings:
            self.report({"WARNING"}, warning)
        found = placed.settings["localization"]
        error = f"{found['median_reprojection_px']:.1f} pixels apart"
        self.report({"INFO"}, f"{camera.name}: {found['inliers']} of {found['matches']} matches agree, {error}")

    def tidy(self, failed: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self, context: bpy.types.Context) -> list[str]:
        """Write the world down for the worker, and say what it has to do; raises ReconstructionError."""
        settings, collection = settings_of(context.scene), find_collection(context)
        if collection is None:
            raise ReconstructionError("There is no reconstruction in this scene; reconstruct some photos first")
        self._scene, self._collection = context.scene.name, collection.name
        world = read_reconstruction(collection)
        world.save(self._folder)
        cache = cache_folder() if cache_bytes(context) else None
        photos = tuple(view.path for view in world.views)
        Job(photos, find_chosen_model(settings, context), read_settings(settings), cache).save(self._folder)
        photo, output = bpy.path.abspath(self.filepath), self._folder / "placed"
        arguments = ["localize", str(self._folder), photo, "--output", str(output), "--way", self.way]
        arguments += ["--device", settings.device, "--neighbours", str(self.neighbours)]
        return [*arguments, "--min-inlier-share", str(self.min_inlier_share)]
