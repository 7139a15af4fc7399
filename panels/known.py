"""What is known of the photos before they are reconstructed: folded away under Photos."""

import bpy

from .base import SidebarPanel


class DUST3R_PT_known(SidebarPanel, bpy.types.Panel):
    """Cameras that stay as they are, pixels that are left out, and what photos say of their lenses."""

    bl_label = "Known and Masks"
    bl_parent_id = "DUST3R_PT_photos"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.dust3r, self.layout
        layout.operator_menu_enum("dust3r.use_as_known", "part", icon="PINNED")
        layout.operator("dust3r.read_known", icon="FILE_FOLDER")
        row = layout.row(align=True)
        row.operator("dust3r.forget_known", icon="UNPINNED").everything = False
        row.operator("dust3r.forget_known", text="Forget All").everything = True
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        for name in ("masks", "shared_focal", "exif_focal"):
            column.prop(settings, name)
