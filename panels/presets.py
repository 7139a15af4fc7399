"""Presets of the reconstruction's settings: the menu in the panel's header."""

from typing import Any

import bpy
from bl_ui.utils import PresetPanel

FOLDER = "dust3r"  # below "presets" of the extension and of the user's scripts

_preset_panel: Any = PresetPanel


class DUST3R_PT_presets(_preset_panel, bpy.types.Panel):
    """Choose, save, remove."""

    bl_label = "Reconstruction Presets"
    preset_subdir = FOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "dust3r.add_preset"
