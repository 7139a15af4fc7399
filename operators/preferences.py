"""The extension's preferences: where models are kept, which Python the worker runs in, what is kept between jobs."""

import time
from functools import lru_cache
from pathlib import Path

import bpy
from bpy.props import FloatProperty, StringProperty

from ..core import cache
from ..core.settings import CACHE_GIGABYTES

GIGABYTE = 10**9
MEASURED_FOR = 5.0  # seconds that the cache's shown size stands: preferences are drawn often
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

    cache_size: FloatProperty(
        name="Cache Size",
        description="Gigabytes of what the network said that are kept for the next reconstruction, so that another "
        "photo costs its own pairs alone; 0 keeps nothing",
        default=CACHE_GIGABYTES,
        min=0,
        soft_max=100,
    )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.prop(self, "model_folder")
        column.prop(self, "python")
        column.label(text=f"Models are kept in {model_folder(context)}", icon="INFO")
        column.prop(self, "cache_size")
        column.operator("dust3r.clear_cache", text=f"Clear Cache ({shown_cache_size():.2f} GB)", icon="TRASH")


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


def cache_folder() -> Path:
    """What the network has said to the panel's jobs."""
    return user_folder("cache")


def cache_bytes(context: bpy.types.Context) -> int:
    """The most that is kept there."""
    preferences = _preferences(context)
    return round((preferences.cache_size if preferences is not None else CACHE_GIGABYTES) * GIGABYTE)


def shown_cache_size() -> float:
    """Gigabytes that are kept there, or were a few seconds ago."""
    return _measured(int(time.monotonic() / MEASURED_FOR)) / GIGABYTE


@lru_cache(maxsize=1)
def _measured(moment: int) -> int:
    return cache.size(cache_folder())


def forget_cache_size() -> None:
    """The cache has changed: measure it before it is shown again."""
    _measured.cache_clear()


def user_folder(name: str) -> Path:
    """A folder of the extension's own; Blender keeps it when the extension is updated."""
    return Path(bpy.utils.extension_path_user(ROOT_PACKAGE, path=name, create=True))


def _preferences(context: bpy.types.Context) -> DUST3R_AP_preferences | None:
    addon = context.preferences.addons.get(ROOT_PACKAGE) if context.preferences else None
    preferences = addon.preferences if addon else None
    return preferences if isinstance(preferences, DUST3R_AP_preferences) else None
