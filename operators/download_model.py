"""Fetch a published model, after its licence was seen."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty

from ..core.checkpoints import KNOWN_MODELS, find_known
from .preferences import model_folder, user_folder
from .properties import settings_of
from .running import WorkerOperator

ITEMS = tuple((known.name, known.title, known.note) for known in KNOWN_MODELS if known.repository)


class DUST3R_OT_download_model(WorkerOperator, bpy.types.Operator):
    """Download a full model; shows its licence and size first"""

    bl_idname = "dust3r.download_model"
    bl_label = "Download Model"

    model: EnumProperty(name="Model", items=ITEMS)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set("Blender is offline: allow online access in Preferences, System")
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        known = find_known(self.model)
        column = self.layout.column()
        column.prop(self, "model")
        column.label(text=f"Licence: {known.licence}", icon="INFO")
        column.label(text=f"Size: {known.size_mb:.0f} MB from huggingface.co/{known.repository}")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        arguments = ["models", "--download", self.model, "--models-folder", str(model_folder(context))]
        title = f"Downloading {find_known(self.model).title}"
        self.start(context, arguments, title, user_folder("logs") / "download.txt")
        return self.finish(context) if bpy.app.background else self.watch(context)

    def take(self, context: bpy.types.Context, result: Path) -> None:
        settings_of(context.scene).model = self.model
