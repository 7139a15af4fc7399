"""One more camera in a reconstruction's collection, where a new photo was found to be taken."""

import json
import logging

import bpy

from ...core.errors import InputError
from ...core.reconstruction import Reconstruction
from ...core.scale import scene_scale
from .backgrounds import add_background
from .cameras import VIEW_INDEX, add_camera, camera_data
from .reading import find_points
from .shared import taken_back_on_failure

LOCALIZATION = "dust3r_localization"  # custom property of the camera: how it was found, JSON
logger = logging.getLogger(__name__)


def add_localized(
    scene: bpy.types.Scene, collection: bpy.types.Collection, placed: Reconstruction
) -> tuple[bpy.types.Object, list[str]]:
    """A camera for the one photo of `placed`, which lies in the collection's world; all or nothing.

    Nothing else changes: where the points were moved to, there the camera goes with them. Also returns what the user
    should know of the photo behind the camera.
    """
    (view,) = placed.views
    warnings = []
    with taken_back_on_failure(scene):
        index = 1 + max((thing[VIEW_INDEX] for thing in collection.objects if VIEW_INDEX in thing), default=-1)
        camera = add_camera(collection, view, index, scene_scale(placed, placed.min_confidence))
        cloud = find_points(collection)
        if cloud is not None:
            camera.matrix_world = cloud.matrix_world @ camera.matrix_world
        camera[LOCALIZATION] = json.dumps(placed.settings["localization"])
        try:
            add_background(camera_data(camera), view)
        except InputError as error:
            logger.warning("%s", error)
            warnings.append(str(error))
    return camera, warnings
