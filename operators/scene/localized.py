"""Cameras where new photos were found to be taken: in a reconstruction's collection, or in a scene of any kind."""

import json
from dataclasses import asdict

import bpy

from ...core.errors import InputError
from ...core.reconstruction.result import Reconstruction
from ...core.world.scale import scene_scale
from ...core.world.transform import WORLD_TO_Z_UP, turned
from .backgrounds import add_backgrounds
from .cameras import VIEW_INDEX, add_camera
from .reading import find_points
from .shared import check_own, taken_back_on_failure

LOCALIZATION = "dust3r_localization"  # custom property of the camera: how it was found, JSON
MATCHED = "Matched Photos"  # collection


def add_localized(
    scene: bpy.types.Scene, collection: bpy.types.Collection, placed: Reconstruction
) -> tuple[list[bpy.types.Object], list[str]]:
    """A camera for each photo of `placed`, which lies in the collection's world; all or nothing.

    Nothing else changes: where the points were moved to, there the cameras go with them. Also returns what the user
    should know of the photos behind the cameras. Raises InputError for a library's collection.
    """
    check_own(collection)
    with taken_back_on_failure(scene):
        first = 1 + max((thing[VIEW_INDEX] for thing in collection.objects if VIEW_INDEX in thing), default=-1)
        cameras, warnings = _add_cameras(collection, placed, first)
        cloud = find_points(collection)
        if cloud is not None:
            for camera in cameras:
                camera.matrix_world = cloud.matrix_world @ camera.matrix_world
    return cameras, warnings


def add_matched(scene: bpy.types.Scene, placed: Reconstruction) -> tuple[list[bpy.types.Object], list[str]]:
    """A camera for each photo of `placed`, whose world is Blender's, in the scene's collection MATCHED; all or nothing.

    Also returns what the user should know of the photos behind the cameras.
    """
    with taken_back_on_failure(scene):
        cameras, warnings = _add_cameras(_matched(scene), turned(placed, WORLD_TO_Z_UP.T), 0)
    return cameras, warnings


def _matched(scene: bpy.types.Scene) -> bpy.types.Collection:
    found = next((child for child in scene.collection.children if child.name.startswith(MATCHED)), None)
    if found is None:
        found = bpy.data.collections.new(MATCHED)
        scene.collection.children.link(found)
    return found


def _add_cameras(
    collection: bpy.types.Collection, placed: Reconstruction, first: int
) -> tuple[list[bpy.types.Object], list[str]]:
    """Numbered from `first` on, with their photos behind them; warnings."""
    cameras = []
    if placed.localization is None:
        raise InputError("These photos were not placed by this version; localise them again")
    recipe = asdict(placed.localization.settings)
    for index, (view, found) in enumerate(zip(placed.views, placed.localization.photos, strict=True), first):
        camera = add_camera(collection, view, index, scene_scale(placed, placed.min_confidence))
        camera[LOCALIZATION] = json.dumps(recipe | asdict(found))
        cameras.append(camera)
    return cameras, add_backgrounds(cameras, placed.views)
