"""Blender's search (F3) looks through menus: one with all our operators hangs in the 3D viewport's Object menu."""

from typing import Any

import bpy

from ...panels.addon import DUST3R_MT_operators, draw_in_menu

_object_menu: Any = bpy.types.VIEW3D_MT_object


def register() -> None:
    """Hang it in."""
    bpy.utils.register_class(DUST3R_MT_operators)
    _object_menu.append(draw_in_menu)


def unregister() -> None:
    """Take it out again."""
    _object_menu.remove(draw_in_menu)
    bpy.utils.unregister_class(DUST3R_MT_operators)
