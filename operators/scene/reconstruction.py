"""A whole reconstruction into one new collection: points, cameras, photos and recipe."""

import json
import logging
from typing import Any

import bpy
import numpy as np

from ...core.errors import InputError
from ...core.reconstruction.result import Reconstruction
from ...core.world.scale import scene_scale
from .axes import blender_points
from .backgrounds import add_backgrounds
from .cameras import add_camera, use_photo_format
from .point_cloud import add_points
from .shared import scene_of, taken_back_on_failure
from .statistics import keep_statistics

RECIPE = "dust3r_recipe"  # custom property of the collection
TRACKS = "dust3r_tracks"  # that of what the cameras were adjusted on, in the alignment's world
logger = logging.getLogger(__name__)


def add_reconstruction(
    context_or_scene: bpy.types.Context | bpy.types.Scene,
    reconstruction: Reconstruction,
    name: str = "DUSt3R",
    min_confidence: float | None = None,
    display_percentage: float | None = None,
    photo_frames: bool = False,
) -> bpy.types.Collection:
    """A new collection in the scene with every point and camera of a reconstruction; all or nothing.

    Points below `min_confidence` (the reconstruction's own setting when None) are only hidden: the modifier's input
    brings them back. So are those whose flaws the reconstruction hides: a switch for each brings them back. Viewports
    show `display_percentage` of the points (None: all, at most two million), renders all.
    The scene's camera, frames, markers and format stay as they are unless `photo_frames`: then the first photo gives
    camera and render size, and each photo a frame of its own, after those of earlier reconstructions. Photos that
    cannot be shown behind their camera become warnings, in the log and in the recipe (`read_recipe`). Raises InputError
    for a reconstruction without photos and for a percentage that is none; on any error the file is as it was.
    """
    scene = scene_of(context_or_scene)
    if not reconstruction.views:
        raise InputError("This reconstruction holds no photo; run it again with at least one")
    _check_percentage(display_percentage)
    threshold = reconstruction.min_confidence if min_confidence is None else min_confidence
    with taken_back_on_failure(scene):
        collection = bpy.data.collections.new(name)
        scale = scene_scale(reconstruction, threshold)
        points, points_name = blender_points(reconstruction), f"{collection.name} Points"
        hidden = reconstruction.hidden_flaws
        add_points(collection, points_name, points, scale.spacing, threshold, display_percentage, hidden)
        cameras = [add_camera(collection, view, k, scale) for k, view in enumerate(reconstruction.views)]
        warnings = add_backgrounds(cameras, reconstruction.views)
        _write_recipe(collection, reconstruction, threshold, warnings)
        keep_statistics(collection, reconstruction.with_settings(min_confidence=threshold))
        scene.collection.children.link(collection)
        if photo_frames:
            _bind_to_frames(scene, cameras)
            scene.camera = cameras[0]
            use_photo_format(scene, cameras[0])
    return collection


def read_recipe(collection: bpy.types.Collection) -> dict[str, Any] | None:
    """What made this collection, or None when it is not a reconstruction.

    Keys: model, version, settings, min_confidence (as first shown), warnings; photos, which gives for each name width,
    height, K, cam2world and mean confidence as cameras.json does; and views, a list in their order, of each photo's
    path, component and mapping (what `PixelMapping.as_dict` gave). A file may come from anybody: what is no recipe at
    all raises InputError; what it says is data, and `reading.py` checks it.
    """
    if RECIPE not in collection:
        return None
    try:
        recipe = json.loads(collection[RECIPE])
        if isinstance(recipe, dict):
            return recipe
    except (TypeError, ValueError, RecursionError) as error:
        logger.warning("The recipe of %s cannot be read (%s)", collection.name, error)
    raise InputError(f"The recipe of {collection.name!r} is not one that DUSt3R wrote; reconstruct again")


def _check_percentage(percentage: float | None) -> None:
    if percentage is not None and not 0 <= percentage <= 100:
        raise InputError(f"The display percentage is {percentage:g}; give 0 to 100")


def _write_recipe(
    collection: bpy.types.Collection, reconstruction: Reconstruction, min_confidence: float, warnings: list[str]
) -> None:
    views = [
        {"path": str(view.path), "component": view.component, "mapping": view.mapping.as_dict(), "sha256": view.sha256}
        for view in reconstruction.views
    ]
    recipe = reconstruction.cameras() | {
        "views": views,
        "min_confidence": min_confidence,
        "warnings": [*reconstruction.warnings, *warnings],
    }
    collection[RECIPE] = json.dumps(recipe)
    if reconstruction.tracks:
        back = np.linalg.inv(reconstruction.world_frame.similarity)
        collection[TRACKS] = reconstruction.tracks.moved(back).to_bytes()
    # the parts a person looks for, readable in the interface
    collection["dust3r_model"] = reconstruction.model
    collection["dust3r_licence"] = reconstruction.licence
    collection["dust3r_version"] = reconstruction.version
    collection["dust3r_settings"] = json.dumps(recipe["settings"])


def _bind_to_frames(scene: bpy.types.Scene, cameras: list[bpy.types.Object]) -> None:
    """One frame for each camera, from 1 or after the last frame that shows a camera already."""
    first = 1 + max((marker.frame for marker in scene.timeline_markers if marker.camera), default=0)
    first = max(first, 1)
    for frame, camera in enumerate(cameras, first):
        scene.timeline_markers.new(camera.name, frame=frame).camera = camera
    scene.frame_start, scene.frame_end = 1, first + len(cameras) - 1
    scene.frame_current = first
