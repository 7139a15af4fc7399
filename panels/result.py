"""A finished reconstruction: looking through its photos; what else can be done with it is folded away."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .base import NOTE_WIDTH, ResultPart, SidebarPanel, draw_text

ICONS = {"good": "CHECKMARK", "doubtful": "INFO", "bad": "ERROR"}
SIZE, VIEW, OFF = "dust3r_size", "dust3r_view", "dust3r_hidden"  # custom properties of the cameras
MOST = 5  # weak photos that are named
BOX_WIDTH = 33  # characters that fit into a box in the sidebar, with an icon before them
INDENT = 4  # characters that a reason begins further right, below its photo's name
# which options a kind of mesh has
MESH_OPTIONS = {
    "fused": ("voxel", "min_island", "texture", "texture_size"),
    "grid": ("max_slope", "min_island", "texture"),
}


class DUST3R_PT_result(SidebarPanel, bpy.types.Panel):
    """How good it is, which of several, what of it is shown; from photo to photo, and back."""

    bl_label = "Result"
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.dust3r, self.layout
        if settings.result is None:
            column = layout.column()
            column.active = False
            column.label(text="Reconstruct some photos first")
            return
        _draw_verdict(layout, settings)
        _draw_warnings(layout, settings.warnings)
        _draw_choice(layout, settings)
        if settings.has_mesh:
            row = layout.row(align=True)
            row.prop(settings, "shown", expand=True)
            if settings.shown == "MESH":
                row.prop(settings, "lit", text="", icon="SHADING_RENDERED")
        _draw_photo(layout, settings)


def _draw_verdict(layout: bpy.types.UILayout, settings: Any) -> None:
    """The verdict, what the result should not be taken for, and the next step as a button."""
    verdict = settings.verdict
    if verdict is None:
        return
    box = layout.box()
    column = box.column(align=True)
    column.alert = verdict.word == "bad"
    draw_text(column, verdict.text(iface_), ICONS[verdict.word], BOX_WIDTH)
    column = box.column(align=True)
    column.active = False
    for caveat in settings.caveats:
        draw_text(column, caveat, width=BOX_WIDTH)
    if verdict.step == "photos":
        box.operator("dust3r.add_photos", icon="FILE_FOLDER")
    elif verdict.step == "model":
        box.operator("dust3r.download_model", icon="IMPORT")
    elif verdict.step == "look":
        row = box.operator("dust3r.look_through_photo", text="Look Through an Uncertain Photo", icon="CAMERA_DATA")
        row.photo = settings.uncertain_photo


def _draw_warnings(layout: bpy.types.UILayout, warnings: list[str]) -> None:
    if not warnings:
        return
    row = layout.box().row()
    column = row.column(align=True)
    for warning in warnings[:MOST]:
        draw_text(column, warning, "ERROR", BOX_WIDTH - INDENT)
    if len(warnings) > MOST:
        column.label(text=iface_("and {} more warnings").format(len(warnings) - MOST))
    row.operator("dust3r.dismiss", text="", icon="X", emboss=False).what = "RESULT"


def _draw_choice(layout: bpy.types.UILayout, settings: Any) -> None:
    """Which of several results is worked on."""
    results = settings.results
    if len(results) < 2:
        return
    column = layout.column(align=True)
    for result in results:
        icon = "RADIOBUT_ON" if result == settings.result else "RADIOBUT_OFF"
        row = column.row(align=True)
        row.operator("dust3r.choose_result", text=result.name, icon=icon, translate=False).result = result.name
        row.prop(result, "hide_viewport", text="")


def _draw_photo(layout: bpy.types.UILayout, settings: Any) -> None:
    """The look through a photo; while one is looked through, what tells how well it fits."""
    row = layout.row(align=True)
    row.scale_y = 1.2
    row.operator("dust3r.next_photo", text="", icon="TRIA_LEFT").direction = "PREVIOUS"
    row.operator("dust3r.look_through_photo", icon="CAMERA_DATA")
    row.operator("dust3r.next_photo", text="", icon="TRIA_RIGHT").direction = "NEXT"
    row.operator("dust3r.leave_photo", text="", icon="LOOP_BACK")
    photo = settings.photo_looked_through
    if photo is None:
        return
    column = layout.column(align=True)
    column.prop(photo, "alpha", text="Photo Opacity", slider=True)
    column.row(align=True).prop(photo, "display_depth", expand=True)
    layout.prop(settings, "only_its_points")


class DUST3R_PT_points(ResultPart, bpy.types.Panel):
    """What the points look like."""

    bl_label = "Points"

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


class DUST3R_PT_result_photos(ResultPart, bpy.types.Panel):
    """Each photo's points on and off, and one pixel's point in all of them."""

    bl_label = "Photo by Photo"

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


class DUST3R_PT_statistics(ResultPart, bpy.types.Panel):
    """Figures of all photos, and the weakest by name with the reason."""

    bl_label = "Statistics"

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
    draw_text(column, reason, "BLANK1", NOTE_WIDTH - INDENT)


class DUST3R_PT_mesh(ResultPart, bpy.types.Panel):
    """Kind, options, the button."""

    bl_label = "Mesh"
    bl_translation_context = "DUSt3R"

    def draw(self, context: bpy.types.Context) -> None:
        mesh, layout = context.scene.dust3r.mesh, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(mesh, "kind")
        for name in MESH_OPTIONS[mesh.kind]:
            layout.prop(mesh, name)
        row = layout.row()
        row.enabled = not context.scene.dust3r.mesh_missing
        row.operator("dust3r.create_mesh", icon="MESH_GRID")
        draw_text(layout, context.scene.dust3r.mesh_missing, "INFO")


class DUST3R_PT_cleanup(ResultPart, bpy.types.Panel):
    """One switch for each flaw of the active reconstruction; nothing is removed."""

    bl_label = "Clean-Up"

    def draw(self, context: bpy.types.Context) -> None:
        switches = context.scene.dust3r.flaw_switches
        column = self.layout.column(heading="Hide", align=True)
        column.use_property_split = True
        column.use_property_decorate = False
        for title, owner, path in switches:
            column.prop(owner, path, text=title)
        self.layout.operator("dust3r.find_flaws", icon="VIEWZOOM")


class DUST3R_PT_world(ResultPart, bpy.types.Panel):
    """Ground, scale, origin, north; first the points that tell them."""

    bl_label = "World"

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


class DUST3R_PT_camera_path(ResultPart, bpy.types.Panel):
    """A way through the photos; the movie's own."""

    bl_label = "Shots"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("dust3r.animate_camera", icon="ANIM")
        self.layout.operator("dust3r.match_footage", icon="TRACKER")
        row = self.layout.row()
        row.scale_y = 1.3
        row.operator("dust3r.render_shot", icon="RENDER_ANIMATION")


RESULT_PANELS = (
    DUST3R_PT_result,
    DUST3R_PT_points,
    DUST3R_PT_cleanup,
    DUST3R_PT_world,
    DUST3R_PT_mesh,
    DUST3R_PT_camera_path,
    DUST3R_UL_result_photos,
    DUST3R_PT_result_photos,
    DUST3R_PT_statistics,
)
