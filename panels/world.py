"""Where a finished reconstruction stands: folded away under Result."""

import bpy

from .base import SidebarPanel


class DUST3R_PT_world(SidebarPanel, bpy.types.Panel):
    """Ground, scale, origin, north; first the points that tell them."""

    bl_label = "World"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("dust3r.pick_point", icon="PIVOT_CURSOR")
        row = layout.row(align=True)
        row.operator("dust3r.set_ground", icon="GRID").way = "auto"
        row.operator("dust3r.set_ground", text="From Points").way = "points"
        layout.operator("dust3r.set_scale", icon="DRIVER_DISTANCE")
        row = layout.row(align=True)
        row.operator("dust3r.set_origin", icon="OBJECT_ORIGIN")
        row.operator("dust3r.set_north", icon="ORIENTATION_GLOBAL")
        layout.operator("dust3r.fit_world", icon="PINNED")
