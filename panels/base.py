"""Where all panels are: the sidebar tab "DUSt3R" of the 3D viewport, in the order of the work."""

import textwrap
from typing import Any

import bpy

NOTE_WIDTH = 40  # characters that fit into the sidebar's usual width


class SidebarPanel:
    """To be inherited beside bpy.types.Panel."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DUSt3R"


class FoldedPanel(SidebarPanel):
    """A part of another panel that is closed at first."""

    bl_options = {"DEFAULT_CLOSED"}


class ResultPart(FoldedPanel):
    """What can be done with a finished reconstruction; not there before there is one."""

    bl_parent_id = "DUST3R_PT_result"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.dust3r.result is not None


def draw_text(layout: bpy.types.UILayout, text: str, icon: Any = "NONE", width: int = NOTE_WIDTH) -> None:
    """Wrapped by hand: labels cut long text off."""
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, width)):
        column.label(text=line, icon=icon if not number or icon == "NONE" else "BLANK1", translate=False)
