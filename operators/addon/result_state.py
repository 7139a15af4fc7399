"""What panels show and switch of the active result: how good it is, points or mesh, the photo looked through."""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import BoolProperty, EnumProperty, IntProperty

from ...core.quality.statistics import Statistics
from ...core.quality.verdict import is_certain
from ..scene import display_sliders
from ..scene.appearance import active_inputs
from ..scene.cameras import PHOTO, camera_data
from ..scene.cleanup import active_switches
from ..scene.meshes import mesh_objects
from ..scene.photo_visibility import show_points_of
from ..scene.reading import find_collection, reconstructions
from ..scene.remembered_view import is_remembered
from ..scene.results import are_meshes_lit, light_meshes, show_kind, shown_kind
from ..scene.statistics import read_statistics
from ..scene.warnings import read_warnings
from .preferences import worker_python


def _show_its_points(settings: Any, context: bpy.types.Context) -> None:
    camera = context.scene.camera
    if camera is not None and is_remembered(context.scene):
        for collection in reconstructions(context.scene):
            if camera.name in collection.objects:
                show_points_of(collection, camera if settings.only_its_points else None)


@lru_cache(maxsize=8)
def _has_package(name: str) -> bool:
    return find_spec(name) is not None


def _shown(settings: Any) -> int:
    collection = find_collection(bpy.context)
    return int(collection is not None and shown_kind(collection) == "MESH")


def _show(settings: Any, number: int) -> None:
    collection = find_collection(bpy.context)
    if collection is not None:
        show_kind(settings.id_data, collection, "MESH" if number else "POINTS")


def _is_lit(settings: Any) -> bool:
    collection = find_collection(bpy.context)
    return collection is not None and are_meshes_lit(collection)


def _light(settings: Any, lit: bool) -> None:
    collection = find_collection(bpy.context)
    if collection is not None:
        light_meshes(collection, lit)


class ResultState:
    """To be inherited by the scene's settings."""

    only_its_points: BoolProperty(
        name="Only Its Points",
        description="While a photo is looked through, show the points of this photo alone",
        default=False,
        update=_show_its_points,
    )
    shown: EnumProperty(
        name="Shown",
        description="What viewports and renders show of the active result",
        items=(
            ("POINTS", "Points", "The points; meshes are hidden"),
            ("MESH", "Mesh", "The meshes; points are hidden"),
        ),
        get=_shown,
        set=_show,
    )
    lit: BoolProperty(
        name="Lit",
        description="Light and shadow change what the meshes show; off: the photos' colors as they are",
        get=_is_lit,
        set=_light,
    )
    active_result: IntProperty(name="Active Photo of the Result", options={"HIDDEN"})

    @property
    def point_inputs(self) -> list[tuple[str, Any, str]]:
        """What the active reconstruction's points look like: title, owner and path of each input."""
        return active_inputs(bpy.context)

    @property
    def result(self) -> Any:
        """The collection of the active reconstruction; None when there is none."""
        return find_collection(bpy.context)

    @property
    def mesh_missing(self: Any) -> str:
        """Why no mesh of the chosen kind can be made here; empty where nothing is known to be in the way."""
        if worker_python(bpy.context) is not None:
            return ""  # what another Python has, the worker finds out
        needed = ("scipy", "skimage") if self.mesh.kind == "fused" else ("scipy",)
        lacking = [name for name in needed if not _has_package(name)]
        return iface_("This Blender's Python has no {}.").format(", ".join(lacking)) if lacking else ""

    @property
    def results(self: Any) -> list[Any]:
        """The collections of all reconstructions of this scene."""
        scene = self.id_data
        return reconstructions(scene)

    @property
    def has_mesh(self) -> bool:
        """Whether a mesh was made of the active reconstruction."""
        return self.result is not None and bool(mesh_objects(self.result))

    @property
    def warnings(self) -> list[str]:
        """What went wrong in the run that made the active reconstruction, until it is dismissed."""
        return read_warnings(self.result) if self.result is not None else []

    @property
    def photo_looked_through(self: Any) -> Any:
        """The background of the photo that is looked through; None where none is."""
        scene = self.id_data
        camera = scene.camera
        if camera is None or not is_remembered(scene) or PHOTO not in camera:
            return None
        return next(iter(camera_data(camera).background_images), None)

    @property
    def uncertain_photo(self) -> str:
        """The name of a photo whose camera is least certain; "" where all are."""
        found = self.statistics
        uncertain = [photo.name for photo in found.photos if not is_certain(photo.evidence)] if found else []
        weak = [photo.name for photo in found.weakest if photo.name in uncertain] if found else []
        return next(iter([*weak, *uncertain]), "")

    @property
    def statistics(self) -> Any:
        """core's Statistics of the active reconstruction; None before they were found."""
        collection = find_collection(bpy.context)
        return read_statistics(collection) if collection else None

    @property
    def verdict(self) -> Any:
        """core's Verdict on the active reconstruction's cameras; None where there is no reconstruction."""
        found = self.statistics
        return found.verdict(iface_) if found is not None else None

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the active reconstruction should not be taken for, one line each."""
        found = self.statistics
        return found.caveats(iface_) if found is not None else ()

    @property
    def active_result_text(self) -> str:
        """The focal length of the active photo of the result, and where it comes from; empty where none is active."""
        return self._of_active_photo(Statistics.focal_text)

    @property
    def active_result_camera(self) -> str:
        """What the camera of the active photo of the result stands on; empty where none is active."""
        return self._of_active_photo(Statistics.camera_text)

    def _of_active_photo(self, text: Callable[..., str]) -> str:
        found, things = self.statistics, self.result.objects if self.result else []
        if found is None or not 0 <= self.active_result < len(things):
            return ""
        name = things[self.active_result].get(PHOTO)
        return next((text(found, photo, iface_) for photo in found.photos if photo.name == name), "")

    @property
    def flaw_switches(self) -> list[tuple[str, Any, str]]:
        """Title of each flaw that was looked for in the active reconstruction, and owner and path of its switch."""
        return active_switches(bpy.context)

    @property
    def display_sliders(self: Any) -> list[tuple[str, Any, str]]:
        """Name of each point cloud in the scene, and owner and path of its Display Percentage."""
        scene = self.id_data
        return display_sliders(scene)
