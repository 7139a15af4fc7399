"""Animated cameras from a finished reconstruction: folded away under Result."""

import bpy

from .base import SidebarPanel


class DUST3R_PT_camera_path(SidebarPanel, bpy.types.Panel):
    """A way through the photos; the movie's own."""

    bl_label = "Shots"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("dust3r.animate_camera", icon="ANIM")
        self.layout.operator("dust3r.match_footage", icon="TRACKER")
