"""Single photos: placed in a finished reconstruction, or against what is modeled in the scene."""

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .base import FoldedPanel


class DUST3R_PT_localize(FoldedPanel, bpy.types.Panel):
    """Another photo's camera, and what two photos have in common."""

    bl_label = "Match and Localize"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("dust3r.localize_photo", icon="OUTLINER_OB_CAMERA")
        self.layout.operator("dust3r.show_matches", icon="TRACKING")


class DUST3R_PT_match_to_model(FoldedPanel, bpy.types.Panel):
    """Photos against what is modelled in the scene, a reconstruction or not."""

    bl_label = "Match Photo to Model"
    bl_parent_id = "DUST3R_PT_localize"

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for line in _seen_from(context):
            column.label(text=line)
        self.layout.operator("dust3r.match_photo_to_model", icon="VIEW_CAMERA")


def _seen_from(context: bpy.types.Context) -> tuple[str, str]:
    """What the operator will do with the selection."""
    cameras = sum(thing.type == "CAMERA" for thing in context.selected_objects)
    if cameras:
        which = iface_("{} selected cameras.").format(cameras) if cameras > 1 else iface_("selected camera.")
        return iface_("The model is seen from the"), which
    if context.selected_objects:
        return iface_("Views are placed around"), iface_("the selected objects.")
    return iface_("The model is seen from all cameras;"), iface_("select cameras or objects to choose.")
