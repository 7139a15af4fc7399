"""The extension's preferences: where models are kept, which Python the worker runs in, what is kept between jobs."""

import time
from functools import lru_cache
from pathlib import Path

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from ...core.jobs import disk_cache as cache
from ...core.jobs import workspace as job_folders
from ...core.runtime.probe import find_python
from ...core.settings import CACHE_GIGABYTES
from ...panels.addon import draw_preferences
from ..models.rows import ModelRow, model_rows
from .found_runtime import Finding, finding_of

GIGABYTE = 10**9
MEASURED_FOR = 5.0  # seconds that the cache's shown size stands: preferences are drawn often
ROOT_PACKAGE = (__package__ or "").rsplit(".", 2)[0]


def _check_python(preferences: "DUST3R_AP_preferences", context: bpy.types.Context) -> None:
    """Another Python was chosen: say at once whether it fits."""
    if not bpy.app.background and context.window is not None and bpy.ops.dust3r.check_runtime.poll():  # pyright: ignore[reportAttributeAccessIssue]
        bpy.ops.dust3r.check_runtime("INVOKE_DEFAULT")  # pyright: ignore[reportAttributeAccessIssue]


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
        description="Another Python for the worker, such as one with a CUDA build of torch: the program, or its "
        "environment's folder; empty: Blender's own",
        subtype="FILE_PATH",
        update=_check_python,
    )
    commercial_only: BoolProperty(
        name="Commercial Use Allowed",
        description="Offer only models whose license is known to allow commercial use",
    )
    cache_size: FloatProperty(
        name="Cache Size",
        description="Gigabytes of what the network said that are kept for the next reconstruction, so that another "
        "photo costs its own pairs alone; 0 keeps nothing",
        default=CACHE_GIGABYTES,
        min=0,
        soft_max=100,
    )

    @property
    def folder(self) -> Path:
        """Where downloaded models are kept."""
        return Path(bpy.path.abspath(self.model_folder)) if self.model_folder else user_folder("models")

    @property
    def models(self) -> list[ModelRow]:
        """Those that the list shows."""
        return model_rows(self.folder, self.commercial_only)

    @property
    def worker_python(self) -> str | None:
        """The interpreter that the user chose for the worker; None for Blender's own."""
        return str(find_python(Path(bpy.path.abspath(self.python)))) if self.python else None

    @property
    def is_installed(self) -> bool:
        """Whether there is an environment of the extension's own."""
        return installed_runtime().exists()

    @property
    def finding(self) -> Finding | None:
        """What was found out about that interpreter."""
        return finding_of(self.worker_python)

    @property
    def cache_gigabytes(self) -> float:
        """What the cache takes."""
        return shown_cache_size()

    def draw(self, context: bpy.types.Context) -> None:
        draw_preferences(self.layout, self, context)


def model_folder(context: bpy.types.Context) -> Path:
    """Where downloaded models are kept."""
    preferences = _preferences(context)
    return preferences.folder if preferences is not None else user_folder("models")


def commercial_only(context: bpy.types.Context) -> bool:
    """Whether only models are offered whose licence allows commercial use."""
    preferences = _preferences(context)
    return preferences is not None and preferences.commercial_only


def worker_python(context: bpy.types.Context) -> str | None:
    """The interpreter that the user chose for the worker; None for Blender's own."""
    preferences = _preferences(context)
    return preferences.worker_python if preferences is not None else None


def choose_python(context: bpy.types.Context, environment: Path | None) -> None:
    """Let the worker use an environment; None: Blender's own Python, where it used the installed one."""
    preferences = _preferences(context)
    if preferences is None:
        return
    if environment is not None:
        preferences.python = str(environment)
    elif preferences.python and Path(bpy.path.abspath(preferences.python)) == installed_runtime():
        preferences.python = ""


def installed_runtime() -> Path:
    """The environment that Install Runtime makes."""
    return user_folder("") / "runtime"


def cache_folder() -> Path:
    """What the network has said to the panel's jobs."""
    return user_folder("cache")


def scene_jobs() -> Path:
    """The job folders of scenes, which outlive Blender."""
    return user_folder("scenes")


def cache_bytes(context: bpy.types.Context) -> int:
    """The most that is kept there."""
    preferences = _preferences(context)
    return round((preferences.cache_size if preferences is not None else CACHE_GIGABYTES) * GIGABYTE)


def shown_cache_size() -> float:
    """Gigabytes that are kept there, or were a few seconds ago."""
    return _measured(int(time.monotonic() / MEASURED_FOR)) / GIGABYTE


@lru_cache(maxsize=1)
def _measured(moment: int) -> int:
    return cache.size(cache_folder()) + job_folders.size(scene_jobs())


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
