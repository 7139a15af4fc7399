"""Presets of the reconstruction's settings: saved and removed here, chosen in the panel's header."""

from pathlib import Path
from typing import Any

import bpy
from bl_operators.presets import AddPresetBase

from ...panels.addon import FOLDER, DUST3R_PT_presets
from .properties import SETTINGS

OF_THE_MACHINE = {"model", "model_path", "device"}
OF_THE_PHOTOS = {"masks"}
OF_THE_SCENE = {"replace_result", "photo_frames"}
VALUES = [name for name in SETTINGS if name not in OF_THE_MACHINE | OF_THE_PHOTOS | OF_THE_SCENE]
SHIPPED = Path(__file__).resolve().parents[2]  # its folder "presets" holds those that come with the extension

_preset_base: Any = AddPresetBase


class DUST3R_OT_add_preset(_preset_base, bpy.types.Operator):
    """Save these settings under a name, or remove a saved preset; models, devices and masks are not part of it"""

    bl_idname = "dust3r.add_preset"
    bl_label = "Add Reconstruction Preset"

    preset_menu = "DUST3R_PT_presets"
    preset_subdir = FOLDER
    preset_defines = ["settings = bpy.context.scene.dust3r"]
    preset_values = [f"settings.{name}" for name in VALUES]


def register() -> None:
    """The menu, the operator, and the presets that came with the extension."""
    bpy.utils.register_class(DUST3R_OT_add_preset)
    bpy.utils.register_class(DUST3R_PT_presets)
    bpy.utils.register_preset_path(str(SHIPPED))


def unregister() -> None:
    """All of it again; presets that the user saved stay."""
    bpy.utils.unregister_preset_path(str(SHIPPED))
    bpy.utils.unregister_class(DUST3R_PT_presets)
    bpy.utils.unregister_class(DUST3R_OT_add_preset)
