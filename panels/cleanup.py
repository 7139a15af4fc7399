"""Which flawed points of a reconstruction are hidden: folded away under Result."""

import bpy

from .base import SidebarPanel


class DUST3R_PT_cleanup(SidebarPanel, bpy.types.Panel):
    """One switch for each flaw of the active reconstruction; nothing is removed."""

    bl_label = "Clean-Up"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        switches = context.scene.dust3r.flaw_switches
        column = self.layout.column(heading="Hide", align=True)
        column.use_property_split = True
        column.use_property_decorate = False
        for title, owner, path in switches:
            column.prop(owner, path, text=title)
        self.layout.operator("dust3r.find_flaws", icon="VIEWZOOM")
