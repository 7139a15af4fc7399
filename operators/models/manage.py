"""Models on this machine: verified, added and removed, their folder opened, the way by hand copied."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, StringProperty

from ...core.checkpoints.catalogue import known_model
from ...core.checkpoints.download import copying_steps
from ...core.checkpoints.local import find_model
from ...core.checkpoints.verify import remove_model
from ...core.errors import ReconstructionError
from ..addon.preferences import model_folder, user_folder
from ..addon.properties import BEST, choice_of, settings_of
from ..jobs.running import IdleOperator, WorkerOperator
from ..reporting import reports_errors


class ModelOperator(WorkerOperator):
    """A worker's job with one model of the models folder."""

    def run(self, context: bpy.types.Context, arguments: list[str], title: str) -> set[Any]:
        """Start `models` with these arguments."""
        arguments = ["models", *arguments, "--models-folder", str(model_folder(context))]
        try:
            self.start(context, arguments, title, user_folder("logs") / "models.txt")
        except ReconstructionError as error:
            self._report("ERROR", str(error))
            return {"CANCELLED"}
        return self.finish(context) if bpy.app.background else self.watch(context)


class DUST3R_OT_verify_model(ModelOperator, bpy.types.Operator):
    """Compare the sha256 of the model's files with those that they came with"""

    bl_idname = "dust3r.verify_model"
    bl_label = "Verify Model"
    bl_options = {"INTERNAL"}

    model: StringProperty(name="Model", description="Name of an installed model")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        offline = [] if bpy.app.online_access else ["--offline"]
        return self.run(context, ["--verify", self.model, *offline], rpt_("Verifying {}").format(self.model))

    def take(self, context: bpy.types.Context, result: Path) -> None:
        if not self._worker.warnings:  # else they say that there was nothing to compare with
            self.report({"INFO"}, rpt_("{} is whole: its files are what they were").format(result.name))


class DUST3R_OT_add_model(ModelOperator, bpy.types.Operator):
    """Check a checkpoint of this machine strictly and put it among the models; the file itself stays as it is"""

    bl_idname = "dust3r.add_model"
    bl_label = "Add Local Model"

    filepath: StringProperty(
        name="File",
        description="A .pth file, a .safetensors file beside its config.json, or a folder with both",
        subtype="FILE_PATH",
    )
    filter_glob: StringProperty(default="*.safetensors;*.pth;*.pt", options={"HIDDEN"})
    name: StringProperty(name="Name", description="Of the new model; empty: as the file is called")
    licence: StringProperty(name="License", description="Under which it may be used, where the model does not say")
    commercial: BoolProperty(name="Commercial Use Allowed", description="That license allows commercial use")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        source = Path(bpy.path.abspath(self.filepath))
        arguments = ["--add", str(source)]
        arguments += [
            f"--{option}={value}" for option, value in (("name", self.name), ("licence", self.licence)) if value
        ]
        arguments += ["--commercial"] if self.commercial else []
        return self.run(context, arguments, rpt_("Adding {}").format(source.name))

    def take(self, context: bpy.types.Context, result: Path) -> None:
        settings_of(context.scene).model = choice_of(result)


class DUST3R_OT_remove_model(IdleOperator, bpy.types.Operator):
    """Delete the model's files from the models folder"""

    bl_idname = "dust3r.remove_model"
    bl_label = "Remove Model"
    bl_options = {"INTERNAL"}

    model: StringProperty(name="Model", description="Name of a model in the models folder")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_confirm(self, event)

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        folder = model_folder(context)
        chosen = [scene for scene in bpy.data.scenes if settings_of(scene).model == self.model]
        remove_model(find_model(self.model, folder), folder)
        for scene in chosen:
            settings_of(scene).model = BEST
        return {"FINISHED"}


class DUST3R_OT_open_model_folder(bpy.types.Operator):
    """Show the folder in the system's file browser"""

    bl_idname = "dust3r.open_model_folder"
    bl_label = "Open Models Folder"

    model: StringProperty(name="Model", description="Name of an installed model; empty: the folder of all")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        folder = model_folder(context)
        try:
            bpy.ops.wm.path_open(filepath=str(find_model(self.model, folder) if self.model else folder))
        except (ReconstructionError, RuntimeError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class DUST3R_OT_copy_model_steps(bpy.types.Operator):
    """Put the addresses of the model's files, and the folder where they belong, on the clipboard"""

    bl_idname = "dust3r.copy_model_steps"
    bl_label = "Copy These Steps"
    bl_options = {"INTERNAL"}

    model: StringProperty(name="Model", description="Name of a published model")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        known = known_model(self.model)
        if known is None:
            self.report({"ERROR"}, tip_("No published model has this name"))
            return {"CANCELLED"}
        context.window_manager.clipboard = "\n".join(copying_steps(known, model_folder(context)))
        return {"FINISHED"}
