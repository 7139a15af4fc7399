"""A finished reconstruction as files of other programs."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...core.errors import InputError
from ...core.export.settings import SCENE_FORMATS
from ...panels.output import OPTIONS
from ..addon.properties import own_or_panel, settings_of
from ..reporting import reports_errors
from ..result.on_reconstruction import OnReconstruction
from ..scene.interchange import export_scene_format
from ..scene.photo_visibility import without_photos_off
from ..scene.reading import active_reconstruction, read_reconstruction
from .export_properties import ExportProperties, read_export_settings


class DUST3R_OT_export(OnReconstruction, ExportProperties, bpy.types.Operator):
    """Write the active reconstruction for other programs"""

    bl_idname = "dust3r.export"
    bl_label = "Export"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        """From File > Export: ask, beginning with what the panel says."""
        for name, value in own_or_panel(self, settings_of(context.scene).export, ExportProperties).items():
            setattr(self, name, value)
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in ("format", *OPTIONS.get(self.format, ()), "folder"):
            self.layout.prop(self, name)

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        chosen = own_or_panel(self, settings_of(context.scene).export, ExportProperties)
        warnings = _export(context, chosen)
        for warning in warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, rpt_("Exported to {}").format(chosen["folder"]))
        return {"FINISHED"}


def _export(context: bpy.types.Context, chosen: dict[str, Any]) -> list[str]:
    """Write what was chosen; returns warnings. Raises ReconstructionError."""
    if not chosen["folder"]:
        raise InputError("No folder was given; choose one for the export")
    folder, collection = Path(bpy.path.abspath(chosen["folder"])), active_reconstruction(context)
    if chosen["format"] in SCENE_FORMATS:
        export_scene_format(collection, folder, chosen["format"])
        return []
    from ...core.export.formats import export_reconstruction  # only now: it brings SciPy

    return export_reconstruction(
        without_photos_off(read_reconstruction(collection), collection),
        folder,
        chosen["format"],
        read_export_settings(chosen),
    )
