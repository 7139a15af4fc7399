"""The list of photos: where they come from, which take part, in which order, and what is known of each."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .base import FoldedPanel, SidebarPanel

ROOM_FOR_FACTS = 400  # pixels of the sidebar's width: names come first
PREVIEW_COLUMNS, PREVIEW_SIZE = 2, 5.0  # of large previews; the size in buttons' heights


class DUST3R_UL_photos(bpy.types.UIList):
    """Switch, thumbnail, name, size and focal; marks where pose (arrows), lens (camera) or a mask is known."""

    def draw_item(
        self, context: Any, layout: bpy.types.UILayout, data: Any, item: Any, icon: int, active_data: Any, active: str
    ) -> None:
        layout.prop(item, "use", text="")
        row = layout.row(align=True)
        is_broken = item.facts is None
        row.active, row.alert = item.use and item.state_icon in {"", "CHECKMARK"}, is_broken
        row.label(text=item.name, **({"icon": "ERROR"} if is_broken else {"icon_value": item.thumbnail}))
        if item.is_pose_known:
            row.label(text="", icon="EMPTY_ARROWS")
        if item.is_lens_known:
            row.label(text="", icon="CAMERA_DATA")
        if item.is_masked:
            row.label(text="", icon="MOD_MASK")
        if item.state_icon:
            row.label(text="", icon=item.state_icon)
        if context.region.width > ROOM_FOR_FACTS * context.preferences.system.ui_scale:
            facts = row.row()
            facts.active = False
            facts.label(text=item.focal_text)
            facts.label(text=item.size_text)
        mark: Any = "RESTRICT_SELECT_OFF" if item.select else "RESTRICT_SELECT_ON"
        layout.prop(item, "select", text="", icon=mark, emboss=False)


class DUST3R_MT_add_photos(bpy.types.Menu):
    """Where photos come from."""

    bl_label = "Add"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("dust3r.add_photos", icon="FILE_FOLDER")
        layout.operator("dust3r.add_movie_frames", icon="FILE_MOVIE")
        layout.operator("dust3r.add_loaded_images", icon="IMAGE_DATA")
        layout.operator("dust3r.paste_photos", icon="PASTEDOWN")


class DUST3R_MT_photo_list(bpy.types.Menu):
    """What can be done with the list."""

    bl_label = "List"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        for text, key in (("Sort by Name", "NAME"), ("Sort by Time", "TIME")):
            layout.operator(
                "dust3r.sort_photos", text=text, icon="SORTALPHA" if key == "NAME" else "SORTTIME"
            ).key = key
        layout.separator()
        for text, direction in (("Move to Top", "TOP"), ("Move to Bottom", "BOTTOM")):
            layout.operator("dust3r.move_photo", text=text).direction = direction
        layout.separator()
        layout.operator_enum("dust3r.switch_photos", "action")
        layout.operator("dust3r.keep_keyframes", icon="KEYFRAME_HLT")
        layout.separator()
        layout.operator("dust3r.clear_photos", icon="TRASH")


class DUST3R_PT_photos(SidebarPanel, bpy.types.Panel):
    """Which photos to reconstruct."""

    bl_label = "Photos"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.enabled = not context.window_manager.dust3r_job.running
        settings = context.scene.dust3r
        row = self.layout.row()
        if settings.large_previews and settings.photos:
            _draw_previews(row.column(), settings)
        else:
            row.template_list("DUST3R_UL_photos", "", settings, "photos", settings, "active_photo", rows=7)
        column = row.column(align=True)
        column.menu("DUST3R_MT_add_photos", text="", icon="ADD")
        column.operator("dust3r.remove_photo", text="", icon="REMOVE")
        column.separator()
        column.menu("DUST3R_MT_photo_list", text="", icon="DOWNARROW_HLT")
        column.separator()
        column.operator("dust3r.move_photo", text="", icon="TRIA_UP").direction = "UP"
        column.operator("dust3r.move_photo", text="", icon="TRIA_DOWN").direction = "DOWN"
        column.separator()
        column.prop(settings, "large_previews", text="", icon="IMGDISPLAY")
        if settings.photos:
            column = self.layout.column(align=True)
            column.active = False
            column.label(text=settings.photos_text)
            column.label(text=settings.active_photo_text)
        else:
            row = self.layout.row(align=True)
            row.operator("dust3r.add_photos", icon="FILE_FOLDER")
            row.operator("dust3r.add_movie_frames", text="Add Movie", icon="FILE_MOVIE")


def _draw_previews(column: bpy.types.UILayout, settings: Any) -> None:
    """The photos themselves, a page at a time."""
    if settings.pages > 1:
        column.prop(settings, "preview_page", text=iface_("Page of {}").format(settings.pages))
    grid = column.grid_flow(row_major=True, columns=PREVIEW_COLUMNS, even_columns=True, even_rows=True, align=True)
    for photo in settings.previewed:
        cell = grid.box().column(align=True)
        cell.active = photo.use
        cell.template_icon(icon_value=photo.thumbnail, scale=PREVIEW_SIZE)
        row = cell.row(align=True)
        row.alert = photo.facts is None
        row.prop(photo, "use", text=photo.name, translate=False)
        icon = "RESTRICT_SELECT_OFF" if photo.select else "RESTRICT_SELECT_ON"
        row.prop(photo, "select", text="", icon=icon, emboss=False)


class DUST3R_PT_known(FoldedPanel, bpy.types.Panel):
    """Cameras that stay as they are, pixels that are left out, and what photos say of their lenses."""

    bl_label = "Known Cameras and Masks"
    bl_parent_id = "DUST3R_PT_photos"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.dust3r, self.layout
        layout.enabled = not context.window_manager.dust3r_job.running
        layout.operator_menu_enum("dust3r.use_as_known", "part", icon="PINNED")
        layout.operator("dust3r.read_known", icon="FILE_FOLDER")
        row = layout.row(align=True)
        row.operator("dust3r.forget_known", icon="UNPINNED").everything = False
        row.operator("dust3r.forget_known", text="Forget All").everything = True
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        for name in ("masks", "shared_focal", "exif_focal"):
            column.prop(settings, name)


PHOTO_PANELS = (DUST3R_UL_photos, DUST3R_MT_add_photos, DUST3R_MT_photo_list, DUST3R_PT_photos, DUST3R_PT_known)
