"""A finished reconstruction for other programs: folded away under Result."""

import bpy

from .base import ResultPart

# which options a format has; the others take none
OPTIONS = {
    "colmap": ("max_points", "tracks", "photos"),
    "colmap-text": ("max_points", "tracks", "photos"),
    "3dgs": ("max_points", "tracks", "photos"),
    "transforms": ("max_points", "photos"),
    "ply": ("max_points", "normals"),
}


class DUST3R_PT_export(ResultPart, bpy.types.Panel):
    """Format, options, folder."""

    bl_label = "Export"

    def draw(self, context: bpy.types.Context) -> None:
        export, layout = context.scene.dust3r.export, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(export, "format")
        for name in OPTIONS.get(export.format, ()):
            if name == "max_points":
                layout.prop(export, "points")
            if name != "max_points" or export.points == "LIMIT":
                layout.prop(export, name)
        layout.prop(export, "folder")
        layout.operator_context = "EXEC_DEFAULT"  # everything was asked above
        layout.operator("dust3r.export", icon="EXPORT")
