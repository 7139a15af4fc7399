"""How good a finished reconstruction is: folded away under Result."""

import textwrap

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .base import NOTE_WIDTH, SidebarPanel

MOST = 5  # photos that are named
INDENT = 4  # characters that a reason begins further right, below its photo's name


class DUST3R_PT_statistics(SidebarPanel, bpy.types.Panel):
    """Figures of all photos, and the weakest by name with the reason."""

    bl_label = "Statistics"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        found, layout = context.scene.dust3r.statistics, self.layout
        if found is not None:
            column = layout.column(align=True)
            for line in found.summary(iface_):
                column.label(text=line)
            for photo in found.weakest[:MOST]:
                _draw_weak(layout, photo.name, "; ".join(found.problems_of(photo, iface_)))
            if len(found.weakest) > MOST:
                layout.label(text=iface_("and {} more weak photos").format(len(found.weakest) - MOST))
        layout.operator("dust3r.update_statistics", icon="FILE_REFRESH")


def _draw_weak(layout: bpy.types.UILayout, name: str, reason: str) -> None:
    column = layout.column(align=True)
    row = column.row()
    row.operator("dust3r.look_through_photo", text=name, icon="ERROR", emboss=False).photo = name
    for line in textwrap.wrap(reason, NOTE_WIDTH - INDENT):
        column.label(text=line, icon="BLANK1")
