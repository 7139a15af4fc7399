"""One point in all photos: marks on their cameras' image planes, the point itself, and the rays between."""

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ...core.cleanup.settings import CleanupSettings
from ...core.errors import InputError
from ...core.quality.reprojection import Sighting, sightings
from ...core.reconstruction.depth_sampling import point_at
from ...core.world.transform import WORLD_TO_Z_UP
from .cameras import VIEW_INDEX, camera_data
from .match_curves import on_image_plane
from .reading import find_points, photo_cameras, read_reconstruction
from .statistics import read_statistics

MARKS = "dust3r_marks"  # custom property of the collections that hold marks, and of the marks: the pixel
SIZE_OF_MARK = 0.03  # of the camera symbol's size


def mark_point(
    collection: bpy.types.Collection, number: int, pixel: tuple[float, float]
) -> tuple[Vector, list[Sighting]]:
    """Mark what a photo shows at a photo pixel, in place of an earlier point's marks; nothing else changes.

    number: the photo's. Returns the point, world, and where all photos that have it in their picture do. Photos in
    which something is in front of it get no mark. Raises InputError where the photo shows no point.
    """
    world = read_reconstruction(collection).without_flaws()
    if not 0 <= number < len(world.views):
        raise InputError(f"{collection.name!r} has no points of photo {number}; choose a photo that it was made of")
    view = world.views[number]
    point = point_at(view, pixel, world.min_confidence)
    found = sightings(world.views, point, view.component, _tolerance(collection))
    cloud: Any = find_points(collection)
    place = cloud.matrix_world @ Vector((WORLD_TO_Z_UP[:3, :3] @ point).tolist())
    clear_marks(collection)
    _add_marks(collection, place, [one for one in found if one.visible])
    return place, found


def clear_marks(collection: bpy.types.Collection) -> int:
    """Remove all marks of a reconstruction; returns how many objects they were."""
    count = 0
    for child in [child for child in collection.children if MARKS in child]:
        data = [thing.data for thing in child.objects if thing.data is not None]
        blocks = [*child.objects, *data, child]
        count += len(child.objects)
        bpy.data.batch_remove(blocks)
    return count


def _tolerance(collection: bpy.types.Collection) -> float:
    """Of the depth, by which two photos' points of one surface may differ: as in the clean-up, more where all do."""
    settings, known = CleanupSettings(), read_statistics(collection)
    return max(settings.depth_tolerance, settings.noise_factor * known.disagreement if known else 0.0)


def _add_marks(collection: bpy.types.Collection, place: Vector, visible: Sequence[Sighting]) -> None:
    marks = bpy.data.collections.new(f"{collection.name} Marks")
    marks[MARKS] = True
    collection.children.link(marks)
    cameras = {camera[VIEW_INDEX]: camera for camera in photo_cameras(collection)}
    seen = [(cameras[one.view], one) for one in visible if one.view in cameras]
    size = SIZE_OF_MARK * (camera_data(seen[0][0]).display_size if seen else 1.0)
    _add_empty(marks, "Point", place[:], size, "SPHERE")
    for camera, one in seen:
        on_plane = on_image_plane(camera, np.array([one.pixel]))[0]
        mark = _add_empty(marks, f"Mark {camera.name}", on_plane.tolist(), size, "CIRCLE")
        mark.rotation_euler = camera.matrix_world.to_euler()
        mark.rotation_euler.rotate_axis("X", np.pi / 2)  # a circle lies in x and z, the picture in x and y
        mark[MARKS] = list(one.pixel)
    _add_rays(marks, place, [camera for camera, _ in seen])


def _add_empty(
    marks: bpy.types.Collection, name: str, place: Sequence[float], size: float, kind: Any
) -> bpy.types.Object:
    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type, empty.empty_display_size = kind, size
    empty.location = place
    empty.show_in_front = True
    marks.objects.link(empty)
    return empty


def _add_rays(marks: bpy.types.Collection, place: Vector, cameras: Sequence[bpy.types.Object]) -> None:
    """A line from every camera to the point: seen through another photo, where the point can lie."""
    curve = bpy.data.curves.new("Rays", "CURVE")
    curve.dimensions = "3D"
    for camera in cameras:
        line = curve.splines.new("POLY")
        line.points.add(1)
        line.points.foreach_set("co", [*camera.matrix_world.translation, 1, *place, 1])
    rays = bpy.data.objects.new("Rays", curve)
    rays.hide_render = True
    marks.objects.link(rays)
