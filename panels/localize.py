"""What a finished reconstruction tells of single photos: folded away under Result."""

import bpy


class DUST3R_PT_localize(bpy.types.Panel):
    """Another photo's camera, and what two photos have in common."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DUSt3R"
    bl_label = "Match and Localise"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("dust3r.localize_photo", icon="OUTLINER_OB_CAMERA")
        self.layout.operator("dust3r.show_matches", icon="TRACKING")
