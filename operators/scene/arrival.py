"""How a new result arrives in a scene: at a size one can work at, beside what is there, selected and in view."""

from collections.abc import Iterator

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ...core.reconstruction.preview import Preview
from ...core.reconstruction.result import Reconstruction
from ...core.world.transform import WORLD_TO_Z_UP, is_pinned, moved
from .free_space import SOLID
from .point_cloud import points_modifier
from .viewpoints import shown_in

SIZES = (0.5, 20.0)  # scene units, longest side of a result that stays as large as it is
WISHED = 5.0  # scene units, of one that does not
SHARE = 0.05  # of the points that lie farther out along an axis and do not count
MOST_READ = 400_000  # points
ROOM = 0.1  # of the result's longest side, between it and what it would stand in
LARGER = 4.0  # times the result's longest side: such an object is a floor or a room, and not in the way
DISTANCE = 1 / 18  # of the radius and a millimetre of lens: a viewport twice as wide as high then holds all of it
Array = NDArray[np.float64]


def fit_into(scene: bpy.types.Scene, reconstruction: Reconstruction) -> tuple[Reconstruction, Array]:
    """The same at a sensible size, and beside the objects that it would stand in otherwise; and its `extent` there.

    One whose world is known, from poses or because the user has set it, stays as it is.
    """
    box = extent(reconstruction)
    if is_pinned(reconstruction) or reconstruction.world_frame.choices:
        return reconstruction, box
    scale, aside = _place(scene, box)
    if (scale, aside) == (1.0, 0.0):
        return reconstruction, box
    return moved(reconstruction, _similarity(scale, aside)), box * scale + (aside, 0, 0)


def preview_fitted(scene: bpy.types.Scene, preview: Preview) -> Preview:
    """The same where `fit_into` would put a result like it whose world is not known."""
    return preview.moved(_similarity(*_place(scene, _box(preview.cameras[:, 0], preview.position))))


def _place(scene: bpy.types.Scene, box: Array) -> tuple[float, float]:
    """The factor that brings what has this `extent` to a sensible size, and how far it then goes aside along x."""
    side = float(np.ptp(box, axis=0).max())
    scale = WISHED / side if side > 0 and not SIZES[0] <= side <= SIZES[1] else 1.0
    return scale, _way_out(box * scale, list(_boxes(scene)))


def _similarity(scale: float, aside: float) -> Array:
    """(4, 4), core's world, whose x axis is Blender's."""
    similarity = np.diag([scale] * 3 + [1.0])
    similarity[0, 3] = aside
    return similarity


def extent(reconstruction: Reconstruction) -> Array:
    """(2, 3), Blender's world: least and greatest corner of the cameras and of the middle nine tenths of the points."""
    sound = reconstruction.without_flaws()
    step = 1 + sum(view.depth.size for view in sound.views) // MOST_READ
    points = [view.world_points()[view.kept(reconstruction.min_confidence)][::step] for view in sound.views]
    return _box(np.stack([view.cam2world[:3, 3] for view in sound.views]), np.concatenate(points))


def _box(centres: NDArray[np.floating], points: NDArray[np.floating]) -> Array:
    """(2, 3), Blender's world: `extent` of cameras (C, 3) and points (N, 3) of core's."""
    places = centres.astype(np.float64)
    if len(points):
        places = np.concatenate([places, np.quantile(points, (SHARE, 1 - SHARE), axis=0)])
    places = places @ WORLD_TO_Z_UP[:3, :3].T
    return np.stack([places.min(axis=0), places.max(axis=0)])


def present(context: bpy.types.Context, collection: bpy.types.Collection, box: Array) -> None:
    """Select the new points alone, and turn viewports that look through no camera towards all of the result.

    box: (2, 3), of `extent`. A mode other than Object Mode, and a collection that the view layer lacks, stay as is.
    """
    layer = context.view_layer
    layer.update()  # what was just linked has no place in it before
    cloud = next((thing for thing in collection.objects if points_modifier(thing)), None)
    if cloud is None or cloud.name not in layer.objects:
        return
    if context.mode == "OBJECT":
        select_alone(context, [cloud])
    for space in shown_in(context.scene):
        region = space.region_3d
        if region is not None and region.view_perspective != "CAMERA":
            region.view_location = Vector(box.mean(axis=0).tolist())
            region.view_distance = max(1e-3, float(np.linalg.norm(box[1] - box[0])) / 2 * space.lens * DISTANCE)


def select_alone(context: bpy.types.Context, things: list[bpy.types.Object]) -> None:
    """Make these objects the selection, the first of them active. In Object Mode only."""
    for thing in context.view_layer.objects:
        if thing.select_get():
            thing.select_set(False)
    for thing in things:
        thing.select_set(True)
    if things:
        context.view_layer.objects.active = things[0]


def _boxes(scene: bpy.types.Scene) -> Iterator[Array]:
    """(2, 3) each, world: of the visible solid objects that are no points of ours."""
    for thing in scene.objects:
        if thing.type in SOLID and thing.visible_get() and not points_modifier(thing):
            corners = np.array([thing.matrix_world @ Vector(corner) for corner in thing.bound_box])
            yield np.stack([corners.min(axis=0), corners.max(axis=0)])


def _way_out(box: Array, others: list[Array]) -> float:
    """How far along x the box has to go to clear the others; those far larger, such as a floor, do not count."""
    side = float(np.ptp(box, axis=0).max())
    in_the_way = [other for other in others if np.ptp(other, axis=0).max() < LARGER * side]
    aside = 0.0
    for _ in in_the_way:
        low, high = box + np.array([aside, 0.0, 0.0])
        met = [other for other in in_the_way if (low < other[1]).all() and (other[0] < high).all()]
        if not met:
            break
        aside = max(float(other[1, 0]) for other in met) + ROOM * side - float(box[0, 0])
    return aside
