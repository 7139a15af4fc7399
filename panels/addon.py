"""The extension as a whole: its preferences, its presets, and every operator in a menu for Blender's search (F3)."""

import textwrap
from typing import Any

import bpy
from bl_ui.utils import PresetPanel
from bpy.app.translations import pgettext_iface as iface_

WIDTH = 100  # characters that fit into the preferences' usual width
FOLDER = "dust3r"  # below "presets" of the extension and of the user's scripts
OPERATORS = "DUST3R_OT_"  # how the names of their classes begin


def draw_preferences(layout: bpy.types.UILayout, preferences: Any, context: bpy.types.Context) -> None:
    """preferences: DUST3R_AP_preferences."""
    job: Any = context.window_manager.dust3r_job
    if job.running:
        row = layout.box().row()
        row.progress(factor=job.share, text=f"{job.title}: {job.share:.0%}  {job.left}")
        row.operator("dust3r.cancel", text="", icon="X")
    _draw_models(layout.box(), preferences)
    _draw_runtime(layout.box(), preferences)
    row = layout.box().row()
    row.prop(preferences, "cache_size")
    text = iface_("Clear Cache ({:.2f} GB)").format(preferences.cache_gigabytes)
    row.operator("dust3r.clear_cache", text=text, icon="TRASH")
    row.operator("dust3r.clear_frames", icon="TRASH")


def _draw_models(box: bpy.types.UILayout, preferences: Any) -> None:
    row = box.row()
    row.label(text="Models", icon="OUTLINER_OB_POINTCLOUD")
    row.prop(preferences, "commercial_only")
    row = box.row(align=True)
    row.prop(preferences, "model_folder")
    row.operator("dust3r.open_model_folder", text="", icon="FOLDER_REDIRECT")
    if not preferences.model_folder:
        _draw_text(box, str(preferences.folder))
    if not bpy.app.online_access:
        _draw_text(box, iface_("Blender is offline: what to copy by hand stands below each model."), "INFO")
    for model in preferences.models:
        _draw_model(box.box(), model)
    box.operator("dust3r.add_model", icon="ADD")


def _draw_model(box: bpy.types.UILayout, model: Any) -> None:
    split = box.split(factor=0.72)
    split.label(text=f"{model.title}: {model.terms}", icon="CHECKMARK" if model.is_present else "UGLYPACKAGE")
    buttons = split.row(align=True)
    buttons.alignment = "RIGHT"
    if model.is_present:
        buttons.operator("dust3r.verify_model", text="Verify").model = model.name
        buttons.operator("dust3r.open_model_folder", text="", icon="FILE_FOLDER").model = model.name
    if model.is_removable:
        buttons.operator("dust3r.remove_model", text="", icon="TRASH").model = model.name
    if model.is_downloadable:
        buttons.operator("dust3r.download_model", text="Download", icon="IMPORT").model = model.name
        buttons.operator("dust3r.copy_model_steps", text="", icon="COPYDOWN").model = model.name
    by_hand = model.is_downloadable and not bpy.app.online_access
    for text in model.steps if by_hand else (model.source,):
        _draw_text(box, text)


def _draw_runtime(box: bpy.types.UILayout, preferences: Any) -> None:
    box.label(text="Runtime", icon="CONSOLE")
    box.prop(preferences, "python")
    finding = preferences.finding
    if finding is None:
        _draw_text(box, iface_("Not checked yet."))
    elif finding.runtime is None:
        _draw_text(box, finding.problem, "ERROR")
    else:
        for line in finding.runtime.lines:
            _draw_text(box, line, "CHECKMARK")
        for line in finding.runtime.advice:
            _draw_text(box, line, "INFO")
    row = box.row()
    row.operator("dust3r.check_runtime", icon="VIEWZOOM")
    row.operator("dust3r.check_runtime", text="Self-Test", icon="PLAY").self_test = True
    row = box.row()
    row.operator("dust3r.prepare_runtime", icon="IMPORT")
    if preferences.is_installed:
        row.operator("dust3r.remove_runtime", text="", icon="TRASH")


def _draw_text(layout: bpy.types.UILayout, text: str, icon: Any = "NONE") -> None:
    """Wrapped by hand: labels cut long text off."""
    column = layout.column(align=True)
    column.active = icon != "NONE"
    for number, line in enumerate(textwrap.wrap(text, WIDTH, break_on_hyphens=False, break_long_words=False)):
        column.label(text=line, icon=icon if not number or icon == "NONE" else "BLANK1", translate=False)


_preset_panel: Any = PresetPanel


class DUST3R_PT_presets(_preset_panel, bpy.types.Panel):
    """Choose, save, remove."""

    bl_label = "Reconstruction Presets"
    preset_subdir = FOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "dust3r.add_preset"


class _OperatorsMenu(bpy.types.Menu):
    """The operators of some folders, in the order of the alphabet. To be inherited."""

    rooms: tuple[str, ...]  # folders of operators/

    def draw(self, context: bpy.types.Context) -> None:
        for label, name in sorted(searchable_operators(self.rooms)):
            self.layout.operator(name, text=label)


class DUST3R_MT_photo_operators(_OperatorsMenu):
    """Photos into the list, and what is known of them."""

    bl_label, rooms = "Photos", ("photos",)


class DUST3R_MT_job_operators(_OperatorsMenu):
    """Reconstruct, and what goes on with it."""

    bl_label, rooms = "Reconstruction", ("jobs",)
    bl_translation_context = "DUSt3R"


class DUST3R_MT_result_operators(_OperatorsMenu):
    """What can be done with a result."""

    bl_label, rooms = "Result", ("result", "output")


class DUST3R_MT_localization_operators(_OperatorsMenu):
    """Single photos."""

    bl_label, rooms = "Match and Localize", ("localization",)


class DUST3R_MT_model_operators(_OperatorsMenu):
    """Models, training, and the extension itself."""

    bl_label, rooms = "Models", ("models", "training", "addon")


class DUST3R_MT_operators(bpy.types.Menu):
    """What the sidebar offers, in the order of the work."""

    bl_label = "DUSt3R"

    def draw(self, context: bpy.types.Context) -> None:
        for menu in MENUS[:-1]:
            self.layout.menu(menu.__name__)


MENUS = (
    DUST3R_MT_photo_operators,
    DUST3R_MT_job_operators,
    DUST3R_MT_result_operators,
    DUST3R_MT_localization_operators,
    DUST3R_MT_model_operators,
    DUST3R_MT_operators,
)


def searchable_operators(rooms: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Label and name of every operator of ours that is not for Blender's interface alone.

    rooms: folders of operators/ that they are from; all where there is none.
    """
    ours = (getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith(OPERATORS))
    return [
        (cls.bl_label, cls.bl_idname)
        for cls in ours
        if "INTERNAL" not in getattr(cls, "bl_options", ()) and (not rooms or cls.__module__.split(".")[-2] in rooms)
    ]


def draw_in_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Appended to the 3D viewport's Object menu."""
    menu.layout.separator()
    menu.layout.menu("DUST3R_MT_operators", icon="OUTLINER_OB_POINTCLOUD")


def draw_in_import(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Appended to File > Import."""
    menu.layout.operator("dust3r.add_photos", text="Photos for DUSt3R")


def draw_in_export(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Appended to File > Export."""
    menu.layout.operator("dust3r.export", text="DUSt3R Result")
