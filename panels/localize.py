"""What a finished reconstruction tells of single photos: folded away under Result."""

import bpy

from .base import SidebarPanel


class DUST3R_PT_localize(SidebarPanel, bpy.types.Panel):
    """Another photo's camera, and what two photos have in common."""

    bl_label = "Match and Localise"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("dust3r.localize_photo", icon="OUTLINER_OB_CAMERA")
        self.layout.operator("dust3r.show_matches", icon="TRACKING")
