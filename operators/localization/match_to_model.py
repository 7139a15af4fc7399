"""Photos against any model: where in the open scene they were taken."""

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, EnumProperty, IntProperty

from ...core.jobs.job import log_file
from ...core.localization.reference_settings import MapSettings
from ...core.reconstruction.result import Reconstruction
from ..addon.preferences import model_folder
from ..addon.properties import find_chosen_model, settings_of
from ..jobs.second_blender import launcher, save_copy
from ..scene.free_space import SOLID
from ..scene.localized import add_matched
from ..scene.map_views import render_map
from .placing_photos import PhotoPlacingOperator

DEFAULTS = MapSettings()


class DUST3R_OT_match_photo_to_model(PhotoPlacingOperator, bpy.types.Operator):
    """Find where photos of a model were taken and add their cameras; the selection says from where to see the model"""

    bl_idname = "dust3r.match_photo_to_model"
    bl_label = "Match Photo to Model"
    bl_options = {"UNDO"}

    views: IntProperty(
        name="Views", description="Placed around the selected objects", default=DEFAULTS.views, min=1, soft_max=50
    )
    map_size: IntProperty(
        name="Size", description="Pixels of a view's longer side", default=DEFAULTS.size, min=64, soft_max=1024
    )
    engine: EnumProperty(
        name="Engine",
        description="What renders the model's colors; depth is exact with all",
        items=(
            ("cycles", "Cycles", "The scene's light and materials; works without a window"),
            ("eevee", "Eevee", "The scene's light and materials, with a graphics card"),
            ("workbench", "Workbench", "Studio light: for models without light"),
        ),
        default=DEFAULTS.engine,
    )
    samples: IntProperty(name="Samples", description="Of the engine per pixel", default=DEFAULTS.samples, min=1)
    photos: BoolProperty(
        name="Cameras' Own Photos",
        description="Where a camera has the photo it took behind it, compare with that photo instead of a render",
        default=DEFAULTS.photos,
    )

    _model: Path
    _rendering = False  # by a worker, at this moment
    _step = " (2 of 2)"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(thing.type in SOLID for thing in context.scene.objects):
            cls.poll_message_set(tip_("Add or import a model first"))
            return False
        return super().poll(context)

    def follow(self, context: bpy.types.Context, result: Path) -> bool:
        if self._rendering:
            self._rendering = False
            self._match(context)
            return True
        return False

    def begin(self, context: bpy.types.Context) -> None:
        """Start with the views: here without a window, in another Blender that has a copy of the scene with one."""
        settings = self._map_settings(context)
        self._photos()
        self._model = find_chosen_model(settings_of(context.scene), context)
        if bpy.app.background:
            for warning in render_map(context.scene, self._folder / "map", settings):
                self._report("WARNING", warning)
            self._match(context)
            return
        copy = self._folder / "scene.blend"
        save_copy(copy)
        arguments = ["render-map", str(copy), "--output", str(self._folder / "map"), *spelled(settings)]
        self.start(context, arguments, rpt_("Rendering the model (1 of 2)"), log_file(self._folder), launcher())
        self._rendering = True

    def _add(self, scene: bpy.types.Scene, placed: Reconstruction) -> tuple[list[bpy.types.Object], list[str]]:
        return add_matched(scene, placed)

    def _match(self, context: bpy.types.Context) -> None:
        model = ["--model", str(self._model), "--models-folder", str(model_folder(context))]
        self._start_placing(context, self._folder / "map", model)

    def _map_settings(self, context: bpy.types.Context) -> MapSettings:
        """Raises InputError for values out of range."""
        selected = sorted(context.selected_objects, key=lambda thing: thing.name)
        names = [thing.name for thing in selected if thing.type == "CAMERA"]
        around = [thing.name for thing in selected if not names]
        return MapSettings(
            tuple(names), tuple(around), self.views, self.map_size, self.engine, self.samples, self.photos
        )


def spelled(settings: MapSettings) -> list[str]:
    """The settings as arguments of `render-map`."""
    named = [part for name in settings.cameras for part in ("--map-camera", name)]
    named += [part for name in settings.around for part in ("--around", name)]
    numbers = ["--views", str(settings.views), "--map-size", str(settings.size), "--samples", str(settings.samples)]
    return [*named, *numbers, "--engine", settings.engine, *(() if settings.photos else ("--no-photos",))]
