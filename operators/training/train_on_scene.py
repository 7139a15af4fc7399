"""A model of the artist's own: rendered views of the open scene, then training on them, then the list of models."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import FloatProperty, StringProperty

from ...core.checkpoints.catalogue import check_model_name
from ...core.errors import InputError, ReconstructionError
from ...training.view_settings import FINE_TUNE_MINUTES
from ..addon.preferences import model_folder, user_folder
from ..addon.properties import find_chosen_model, settings_of
from ..jobs.running import WorkerOperator
from ..jobs.second_blender import launcher, save_copy
from ..scene.training_views import render_training_views
from .training_views import ViewProperties, read_view_settings


class DUST3R_OT_train_on_scene(ViewProperties, WorkerOperator, bpy.types.Operator):
    """Render views of this scene and train the chosen model further on them; the result is one more model"""

    bl_idname = "dust3r.train_on_scene"
    bl_label = "Train on This Scene"
    bl_options = {"UNDO"}  # the scene's choice of a model

    name: StringProperty(name="Name", description="What the new model is called", default="My Scene")
    minutes: FloatProperty(
        name="Minutes",
        description="How long it learns, after the views are rendered",
        default=FINE_TUNE_MINUTES,
        min=0.1,
    )

    _folder: Path  # of this run: the scene's copy, the views, the run
    _model: Path
    _rendering = False  # by a worker, at this moment

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self, width=420)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._folder = Path(tempfile.mkdtemp(prefix="run-", dir=user_folder("training")))
        try:
            self._begin(context)
        except ReconstructionError as error:
            self.tidy(failed=True)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return self.finish(context) if bpy.app.background else self.watch(context)

    def follow(self, context: bpy.types.Context, result: Path) -> bool:
        if self._rendering:
            self._rendering = False
            self._start_training(context)
            return True
        return False

    def take(self, context: bpy.types.Context, result: Path) -> None:
        settings_of(context.scene).model = result.name

    def tidy(self, failed: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, context: bpy.types.Context) -> None:
        """Start with the views: here without a window, in another Blender that has a copy of the scene with one."""
        settings, folder = read_view_settings(self), model_folder(context)
        if (folder / check_model_name(self.name)).exists():
            raise InputError(f"There is a model {self.name!r} already; choose another name, nothing is overwritten")
        self._model = find_chosen_model(settings_of(context.scene), context)
        if not bpy.app.background:
            self._start_rendering(context)
            return
        for warning in render_training_views(context.scene, self._folder / "views", settings):
            self.report({"WARNING"}, warning)
        self._start_training(context)

    def _start_rendering(self, context: bpy.types.Context) -> None:
        copy = self._folder / "scene.blend"
        save_copy(copy)
        arguments = ["render-views", str(copy), "--output", str(self._folder / "views"), "--views", str(self.views)]
        arguments += ["--size", f"{self.size[0]}x{self.size[1]}", "--samples", str(self.samples)]
        arguments += ["--seed", str(self.seed)]
        self.start(context, arguments, rpt_("Rendering views (1 of 2)"), _log(), launcher())
        self._rendering = True

    def _start_training(self, context: bpy.types.Context) -> None:
        arguments = ["fine-tune", str(self._folder / "views"), "--name", self.name, "--model", str(self._model)]
        arguments += ["--models-folder", str(model_folder(context)), "--run", str(self._folder / "run")]
        arguments += ["--minutes", str(self.minutes), "--device", settings_of(context.scene).device]
        self.start(context, arguments, rpt_("Training {} (2 of 2)").format(self.name), _log())


def _log() -> Path:
    return user_folder("logs") / "training.txt"
