"""The extension's preferences: where models are kept, and which Python the worker runs in."""

from pathlib import Path

import bpy
from bpy.props import StringProperty

ROOT_PACKAGE = (__package__ or "").rpartition(".")[0]


class DUST3R_AP_preferences(bpy.types.AddonPreferences):
    """Shown under the extension's entry in Preferences."""

    bl_idname = ROOT_PACKAGE

    model_folder: StringProperty(
        name="Models Folder",
        description="Where downloaded models are kept; empty: the extension's own folder",
        subtype="DIR_PATH",
    )
    python: StringProperty(
        name="Python",
        description="Another Python for the worker, such as one with a CUDA build of torch; empty: Blender's own",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.prop(self, "model_folder")
        column.prop(self, "python")
        column.label(text=f"Models are kept in {model_folder(context)}", icon="INFO")


def model_folder(context: bpy.types.Context) -> Path:
    """Where downloaded models are kept."""
    preferences = _preferences(context)
    if preferences is not None and preferences.model_folder:
        return Path(bpy.path.abspath(preferences.model_folder))
    return user_folder("models")


def worker_python(context: bpy.types.Context) -> str | None:
    """The interpreter that the user chose for the worker; None for Blender's own."""
    preferences = _preferences(context)
    return bpy.path.abspath(preferences.python) if preferences is not None and preferences.python else None


def user_folder(name: str) -> Path:
    """A folder of the extension's own; Blender keeps it when the extension is updated."""
    return Path(bpy.utils.extension_path_user(ROOT_PACKAGE, path=name, create=True))


def _preferences(context: bpy.types.Context) -> DUST3R_AP_preferences | None:
    addon = context.preferences.addons.get(ROOT_PACKAGE) if context.preferences else None
    preferences = addon.preferences if addon else None
    return preferences if isinstance(preferences, DUST3R_AP_preferences) else None
