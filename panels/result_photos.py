"""The photos of a finished reconstruction, one by one: folded away under Result."""

from typing import Any

import bpy

from .base import SidebarPanel

SIZE, VIEW, OFF = "dust3r_size", "dust3r_view", "dust3r_hidden"  # custom properties of the cameras


class DUST3R_UL_result_photos(bpy.types.UIList):
    """Name, a mark where a photo is weak, the look through it, and whether its points are shown."""

    def draw_item(
        self, context: Any, layout: bpy.types.UILayout, data: Any, item: Any, icon: int, active_data: Any, active: str
    ) -> None:
        row, off = layout.row(align=True), OFF in item
        name = row.row()
        name.active = not off
        weak = any(photo.name == item.get("dust3r_photo") for photo in _weakest(context))
        name.label(text=item.name, icon="ERROR" if weak else "IMAGE_DATA")
        row.operator("dust3r.look_through_photo", text="", icon="CAMERA_DATA", emboss=False).photo = item.name
        eye = row.operator("dust3r.show_photo", text="", icon="HIDE_ON" if off else "HIDE_OFF", emboss=False)
        eye.photo, eye.action = item.name, "TOGGLE"

    def filter_items(self, context: Any, data: Any, property: str) -> tuple[list[int], list[int]]:
        """The cameras of photos, by number; whatever else is in the collection is left out."""
        things = getattr(data, property)
        ours = [thing.type == "CAMERA" and SIZE in thing and isinstance(thing.get(VIEW), int) for thing in things]
        flags = [self.bitflag_filter_item if one else 0 for one in ours]
        numbers = [(k, things[k][VIEW] if one else len(things)) for k, one in enumerate(ours)]
        helper: Any = bpy.types.UI_UL_list
        return flags, helper.sort_items_helper(numbers, key=lambda pair: pair[1])


class DUST3R_PT_result_photos(SidebarPanel, bpy.types.Panel):
    """Each photo's points on and off, and one pixel's point in all of them."""

    bl_label = "Photo by Photo"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.dust3r, self.layout
        if settings.result is not None:
            layout.template_list(
                "DUST3R_UL_result_photos", "", settings.result, "objects", settings, "active_result", rows=5
            )
        if settings.active_result_text:
            column = layout.column(align=True)
            column.label(text=settings.active_result_camera)
            column.label(text=settings.active_result_text)
        row = layout.row(align=True)
        row.operator("dust3r.show_photo", text="Show Only Active").action = "ONLY"
        row.operator("dust3r.show_photo", text="Show All").action = "ALL"
        row = layout.row(align=True)
        row.operator("dust3r.camera_ray", icon="PIVOT_CURSOR")
        row.operator("dust3r.clear_marks", text="", icon="X")


def _weakest(context: bpy.types.Context) -> Any:
    statistics = context.scene.dust3r.statistics
    return statistics.weakest if statistics is not None else ()
