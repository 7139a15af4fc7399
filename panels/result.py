"""A finished reconstruction: looking through its photos; what else can be done with it is folded away."""

import textwrap

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .base import NOTE_WIDTH, SidebarPanel

ICONS = {"good": "CHECKMARK", "doubtful": "INFO", "bad": "ERROR"}


class DUST3R_PT_result(SidebarPanel, bpy.types.Panel):
    """From photo to photo, and back."""

    bl_label = "Result"

    def draw(self, context: bpy.types.Context) -> None:
        row = self.layout.row(align=True)
        row.scale_y = 1.2
        row.operator("dust3r.next_photo", text="", icon="TRIA_LEFT").direction = "PREVIOUS"
        row.operator("dust3r.look_through_photo", icon="CAMERA_DATA")
        row.operator("dust3r.next_photo", text="", icon="TRIA_RIGHT").direction = "NEXT"
        row.operator("dust3r.leave_photo", text="", icon="LOOP_BACK")
        column = self.layout.column(align=True)
        verdict = context.scene.dust3r.verdict
        if verdict is not None:
            for number, line in enumerate(textwrap.wrap(verdict.text(iface_), NOTE_WIDTH)):
                column.label(text=line, icon="BLANK1" if number else ICONS[verdict.word])
        for caveat in context.scene.dust3r.caveats:
            for line in textwrap.wrap(caveat, NOTE_WIDTH):
                column.label(text=line)


class DUST3R_PT_points(SidebarPanel, bpy.types.Panel):
    """What the points look like."""

    bl_label = "Points"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.dust3r, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for title, owner, path in settings.point_inputs:
            layout.prop(owner, path, text=title)
        sliders = settings.display_sliders
        if sliders:
            layout.label(text="Shown in Viewports")
        for name, owner, path in sliders:
            layout.prop(owner, path, text=name, slider=True)


RESULT_PANELS = (DUST3R_PT_result, DUST3R_PT_points)
