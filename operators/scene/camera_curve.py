"""A shot on a curve that an artist can edit: few points, few keys; a camera that flies along it, or around a target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from mathutils import Quaternion
from numpy.typing import NDArray

from .axes import blender_camera
from .camera_path import RIG, copy_extent
from .cameras import SIZE, camera_data, set_intrinsics
from .point_cloud import confident_points, points_modifier
from .shared import check_own, taken_back_on_failure

if TYPE_CHECKING:
    from ...core.cameras.camera_path import CameraPath

MOST_POINTS = 8  # of a curve through photos
WHOLE = 100.0  # a curve's evaluation time at its end
NARROWEST = math.radians(40)  # of an orbit that follows the photos
ALL_AROUND = math.radians(270)  # photos that cover more than this are taken for all sides
ORBIT_POINTS = math.radians(45)  # of turn between two points of an orbit
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Move:
    """Where a camera goes, Blender's world, and what it looks at."""

    points: Array  # (N, 3), scene units
    target: Array  # (3,), scene units
    closed: bool = False  # whether the last point leads back to the first


def orbit(cameras: Sequence[bpy.types.Object], target: Array, angle: float) -> Move:
    """Around the vertical through the target, at the photos' median distance and height, from the first photo on.

    angle: radians; 0: as far as the photos reach, all around where they do.
    """
    places = _places(cameras) - target
    turns = np.unwrap(np.arctan2(places[:, 1], places[:, 0]))
    first, reach = float(turns[0]), float(np.ptp(turns))
    closed = False
    if not angle:
        closed = reach > ALL_AROUND
        angle = 2 * math.pi if closed else max(NARROWEST, reach)
        first = first if closed else float(turns.min() + turns.max() - angle) / 2
    radius, height = float(np.median(np.linalg.norm(places[:, :2], axis=1))), float(np.median(places[:, 2]))
    count = max(3, math.ceil(angle / ORBIT_POINTS) + (not closed))
    at = first + np.linspace(0, angle, count, endpoint=not closed)
    ring = np.stack([radius * np.cos(at), radius * np.sin(at), np.full(count, height)], axis=1)
    return Move(target + ring, target, closed)


def dolly(cameras: Sequence[bpy.types.Object], target: Array, share: float) -> Move:
    """Straight towards the target from the photo in the middle of the order; away from it where share is below 0.

    share: of the way to the target.
    """
    start = _places(cameras)[len(cameras) // 2]
    return Move(np.stack([start, start + share * (target - start)]), target)


def middle_of(collection: bpy.types.Collection, cameras: Sequence[bpy.types.Object]) -> Array:
    """(3,), Blender's world: the median of the confident points; where there are none, a little before the cameras."""
    photos = [camera["dust3r_view"] for camera in cameras]
    points = [confident_points(thing, photos) for thing in collection.objects if points_modifier(thing)]
    found = np.concatenate([np.zeros((0, 3), np.float32), *points])
    if len(found):
        return np.median(found, axis=0).astype(np.float64)
    ahead = [np.array(camera.matrix_world)[:3, 3] - np.array(camera.matrix_world)[:3, 2] for camera in cameras]
    return np.mean(ahead, axis=0)


def add_move(
    scene: bpy.types.Scene,
    collection: bpy.types.Collection,
    like: bpy.types.Object,
    move: Move,
    frames: tuple[int, int],
) -> bpy.types.Object:
    """A camera with the picture of `like` that goes along a move at an even pace and looks at its target.

    frames: first and last. Two keys, on the curve. All or nothing; the scene itself stays as it is. Raises InputError
    for a library's collection.
    """
    check_own(collection)
    with taken_back_on_failure(scene):
        camera, curve, rig = _add_shot(collection, like, move.points, move.closed, frames)
        target = bpy.data.objects.new("Shot Target", None)
        target.location, target.empty_display_size, target.parent = move.target.tolist(), rig.empty_display_size, rig
        collection.objects.link(target)
        aim: Any = camera.constraints.new("TRACK_TO")
        aim.target, aim.track_axis, aim.up_axis = target, "TRACK_NEGATIVE_Z", "UP_Y"
        _key_pace(curve, list(frames), [0.0, WHOLE], "LINEAR")
    return camera


def add_flight(
    scene: bpy.types.Scene, collection: bpy.types.Collection, like: bpy.types.Object, path: "CameraPath"
) -> bpy.types.Object:
    """A camera along a path, given on whole frames one after the other: a curve with few points, few keys of the turn.

    All or nothing; the scene itself stays as it is. Raises InputError for a library's collection.
    """
    check_own(collection)
    chosen = np.unique(np.linspace(0, len(path.times) - 1, min(MOST_POINTS, len(path.times))).round().astype(int))
    stands = [blender_camera(cam2world) for cam2world in path.cam2world]
    places = np.array([one.translation[:] for one in stands])
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    frames = [int(path.times[k]) for k in chosen]
    with taken_back_on_failure(scene):
        camera, curve, _ = _add_shot(collection, like, places[chosen], False, (frames[0], frames[-1]))
        _key_pace(curve, frames, [WHOLE * float(way[k] / (way[-1] or 1)) for k in chosen], "BEZIER")
        _key_turns(camera, frames, [stands[k].to_quaternion() for k in chosen])
        _key_lens(camera, frames, path.K((int(like[SIZE][0]), int(like[SIZE][1])))[chosen])
    return camera


def _add_shot(
    collection: bpy.types.Collection, like: bpy.types.Object, points: Array, closed: bool, frames: tuple[int, int]
) -> tuple[bpy.types.Object, bpy.types.Object, bpy.types.Object]:
    """Camera, curve and the empty that carries both, so that what moves the world moves the shot."""
    rig = bpy.data.objects.new("Shot Rig", None)
    rig[RIG] = list(frames)
    rig.empty_display_size = camera_data(like).display_size
    curve = bpy.data.objects.new("Shot Path", _curve(points, closed))
    camera = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    curve.parent, camera.parent = rig, curve
    for thing in (rig, curve, camera):
        collection.objects.link(thing)
    copy_extent(like, camera)
    set_intrinsics(camera, (int(like[SIZE][0]), int(like[SIZE][1])), list(like["dust3r_K"]))
    return camera, curve, rig


def _curve(points: Array, closed: bool) -> bpy.types.Curve:
    data: Any = bpy.data.curves.new("Shot Path", "CURVE")
    data.dimensions, data.use_path, data.use_path_follow, data.path_duration = "3D", True, False, round(WHOLE)
    data.resolution_u = 32
    spline = data.splines.new("BEZIER")
    spline.bezier_points.add(len(points) - 1)
    for point, place in zip(spline.bezier_points, points.tolist(), strict=True):
        point.co, point.handle_left_type, point.handle_right_type = place, "AUTO", "AUTO"
    spline.use_cyclic_u = closed
    return data


def _key_pace(curve: bpy.types.Object, frames: list[int], times: list[float], interpolation: str) -> None:
    data: Any = curve.data
    for frame, time in zip(frames, times, strict=True):
        data.eval_time = time
        data.keyframe_insert("eval_time", frame=frame)
    for line in _lines(data):
        for key in line.keyframe_points:
            key.interpolation, key.handle_left_type, key.handle_right_type = (
                interpolation,
                "AUTO_CLAMPED",
                "AUTO_CLAMPED",
            )


def _lines(data: Any) -> list[Any]:
    """The animation curves of a data-block, in every Blender version."""
    action = data.animation_data.action
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return [line for bag in bags for line in bag.fcurves]


def _key_turns(camera: bpy.types.Object, frames: list[int], turns: list[Quaternion]) -> None:
    camera.rotation_mode, before = "QUATERNION", Quaternion()
    for frame, turn in zip(frames, turns, strict=True):
        turn.make_compatible(before)  # q and -q are one turn, but not on the way between keys
        camera.rotation_quaternion = before = turn
        camera.keyframe_insert("rotation_quaternion", frame=frame)


def _key_lens(camera: bpy.types.Object, frames: list[int], K: Array) -> None:
    data, size = camera_data(camera), (int(camera[SIZE][0]), int(camera[SIZE][1]))
    for frame, lens in zip(frames, K, strict=True):
        set_intrinsics(camera, size, lens.ravel().tolist())
        for channel in ("lens", "shift_x", "shift_y"):
            data.keyframe_insert(channel, frame=frame)
    set_intrinsics(camera, size, K[0].ravel().tolist())


def _places(cameras: Sequence[bpy.types.Object]) -> Array:
    return np.array([camera.matrix_world.translation[:] for camera in cameras])
