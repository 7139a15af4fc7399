"""Blender's menus: what F3 looks through hangs in the 3D viewport's Object menu; File has an Import and an Export."""

from typing import Any

import bpy

from ...panels.addon import MENUS, draw_in_export, draw_in_import, draw_in_menu

_types: Any = bpy.types
_ENTRIES = (
    (_types.VIEW3D_MT_object, draw_in_menu),
    (_types.TOPBAR_MT_file_import, draw_in_import),
    (_types.TOPBAR_MT_file_export, draw_in_export),
)


def register() -> None:
    """Hang them in."""
    for menu in MENUS:
        bpy.utils.register_class(menu)
    for menu, draw in _ENTRIES:
        menu.append(draw)


def unregister() -> None:
    """Take them out again."""
    for menu, draw in _ENTRIES:
        menu.remove(draw)
    for menu in reversed(MENUS):
        bpy.utils.unregister_class(menu)
