"""Fetch a published model, after its licence was seen."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import EnumProperty

from ...core.checkpoints.catalogue import KNOWN_MODELS
from ..addon.preferences import model_folder, user_folder
from ..addon.properties import settings_of
from ..jobs.running import WorkerOperator
from ..reporting import reports_errors

DOWNLOADABLE = {known.short_name: known for known in KNOWN_MODELS if known.repository}


class DUST3R_OT_download_model(WorkerOperator, bpy.types.Operator):
    """Download a full model; shows its license and size first"""

    bl_idname = "dust3r.download_model"
    bl_label = "Download Model"

    model: EnumProperty(
        name="Model",
        description="Which model to fetch",
        items=tuple((name, known.title, known.note) for name, known in DOWNLOADABLE.items()),
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set(tip_("Blender is offline: allow online access in Preferences, System"))
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        known = DOWNLOADABLE[self.model]
        column = self.layout.column()
        column.prop(self, "model")
        column.label(text=known.terms, icon="INFO")
        column.label(text=f"From huggingface.co/{known.repository}")
        if known.question:
            column.label(text="Whether its training data allows that is an open question to its authors:")
            column.operator("wm.url_open", text="Read the Question", icon="URL").url = known.question

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        known = DOWNLOADABLE[self.model]
        arguments = ["models", "--download", self.model, "--models-folder", str(model_folder(context))]
        self.start(context, arguments, rpt_("Downloading {}").format(known.title), user_folder("logs") / "download.txt")
        return self.finish(context) if bpy.app.background else self.watch(context)

    def take(self, context: bpy.types.Context, result: Path) -> None:
        settings_of(context.scene).model = self.model
