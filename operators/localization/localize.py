"""More photos into a finished reconstruction: their cameras, and nothing else."""

import bpy

from ...core.jobs.job import Job
from ...core.reconstruction.result import Reconstruction
from ...core.reconstruction.world_frame import WorldFrame
from ...core.world.transform import moved
from ..addon.preferences import cache_bytes, cache_folder
from ..addon.properties import find_chosen_model, read_settings, settings_of
from ..result.on_reconstruction import OnReconstruction
from ..scene.found_again import Place, collection_again
from ..scene.localized import add_localized
from ..scene.reading import active_reconstruction, read_reconstruction
from ..scene.shared import check_own
from ..scene.world import moved_since
from .placing_photos import PhotoPlacingOperator


class DUST3R_OT_localize_photo(OnReconstruction, PhotoPlacingOperator, bpy.types.Operator):
    """Find where other photos were taken and add their cameras to the reconstruction, which stays as it is"""

    bl_idname = "dust3r.localize_photo"
    bl_label = "Localize Photo"
    bl_options = {"UNDO"}

    _collection: Place
    _world_frame: WorldFrame  # of its world when the work began

    def begin(self, context: bpy.types.Context) -> None:
        """Write the world down for the worker, and the job that finds its cache."""
        settings, collection = settings_of(context.scene), active_reconstruction(context)
        check_own(collection)
        self._collection = Place.of(collection)
        world = read_reconstruction(collection)
        self._world_frame = world.world_frame
        world.save(self._folder)
        cache = cache_folder() if cache_bytes(context) else None
        photos = tuple(view.path for view in world.views)
        Job(photos, find_chosen_model(settings, context), read_settings(settings), cache).save(self._folder)
        self._start_placing(context, self._folder)

    def _add(self, scene: bpy.types.Scene, placed: Reconstruction) -> tuple[list[bpy.types.Object], list[str]]:
        collection = collection_again(self._collection)
        return add_localized(scene, collection, moved(placed, moved_since(collection, self._world_frame)))
