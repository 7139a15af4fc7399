"""Looking through the photos, and from between them."""

import math
from collections.abc import Iterator
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

from ...core.errors import InputError
from .cameras import INTRINSICS, SIZE, VIEW_INDEX, camera_data, set_intrinsics, use_photo_format
from .point_cloud import confident_points, points_modifier
from .shared import scene_of


def look_through(context_or_scene: bpy.types.Context | bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Make `camera` the scene's, with its photo's render size and pixel aspect, and show its view where a window is.

    Raises InputError when the object is not a camera of a reconstruction.
    """
    _check_ours(camera)
    scene = scene_of(context_or_scene)
    bound = [marker.frame for marker in scene.timeline_markers if marker.camera == camera]
    if bound:
        # a render at another frame would go back to that frame's camera
        scene.frame_set(min(bound))
    scene.camera = camera
    use_photo_format(scene, camera)
    for space in shown_in(scene):
        space.use_local_camera = False
        if space.region_3d is not None:
            space.region_3d.view_perspective = "CAMERA"


def fit_camera_view(scene: bpy.types.Scene) -> None:
    """In viewports that look through the scene's camera: its frame as large as fits beside the sidebar."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            space: Any = area.spaces.active
            if window.scene != scene or area.type != "VIEW_3D" or space.region_3d.view_perspective != "CAMERA":
                continue
            region = next(region for region in area.regions if region.type == "WINDOW")
            with bpy.context.temp_override(window=window, area=area, region=region):
                bpy.ops.view3d.view_center_camera()
            _make_room(space.region_3d, region, _covered(area))


def _covered(area: bpy.types.Area) -> int:
    """Pixels of a viewport that the sidebar lies on; 0 where regions do not overlap."""
    if not bpy.context.preferences.system.use_region_overlap:
        return 0
    return next((region.width for region in area.regions if region.type == "UI" and region.width > 1), 0)


def _make_room(view: Any, region: bpy.types.Region, covered: int) -> None:
    """Shrink and move a frame that fills the region to what is not covered on the right.

    Blender: the frame's factor is (zoom / 50 + sqrt 2)^2 / 4, and an offset moves by twice the factor of the width.
    """
    if not covered or covered >= region.width:
        return
    factor = (view.view_camera_zoom / 50 + math.sqrt(2)) ** 2 / 4 * (1 - covered / region.width)
    view.view_camera_zoom = (math.sqrt(4 * factor) - math.sqrt(2)) * 50
    view.view_camera_offset = (covered / 2 / (region.width * 2 * factor), 0.0)


def add_between_camera(
    collection: bpy.types.Collection,
    first: bpy.types.Object,
    second: bpy.types.Object,
    share: float = 0.5,
    name: str = "Between Photos",
) -> bpy.types.Object:
    """A new camera on the way from `first` to `second` that looks at the middle of what both see confidently.

    collection: what `add_reconstruction` returned. share: 0 stands at the first, 1 at the second. Lens and format are
    the first's, the principal point its centre. Raises InputError when one is not a camera of a reconstruction.
    """
    _check_ours(first)
    _check_ours(second)
    place = first.matrix_world.translation.lerp(second.matrix_world.translation, share)
    turn = first.matrix_world.to_quaternion().slerp(second.matrix_world.to_quaternion(), share)
    target = _middle_of_points(collection, (first, second))
    if target is not None:
        turn = _turned_to(turn, target - place)
    data, other = bpy.data.cameras.new(name), camera_data(first)
    camera = bpy.data.objects.new(name, data)
    camera.matrix_world = turn.to_matrix().to_4x4()
    camera.matrix_world.translation = place
    width, height = first[SIZE]
    fx, fy = first[INTRINSICS][0], first[INTRINSICS][4]
    set_intrinsics(camera, (width, height), [fx, 0.0, width / 2, 0.0, fy, height / 2, 0.0, 0.0, 1.0])
    data.clip_start, data.clip_end, data.display_size = other.clip_start, other.clip_end, other.display_size
    collection.objects.link(camera)
    return camera


def _check_ours(camera: bpy.types.Object) -> None:
    if camera.type != "CAMERA" or SIZE not in camera or INTRINSICS not in camera:
        raise InputError(f"{camera.name!r} is not a camera of a reconstruction; choose one that DUSt3R made")


def shown_in(scene: bpy.types.Scene) -> Iterator[bpy.types.SpaceView3D]:
    """The 3D viewport that is being used, else every one that shows the scene."""
    if isinstance(bpy.context.space_data, bpy.types.SpaceView3D):
        yield bpy.context.space_data
        return
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if window.scene == scene and area.type == "VIEW_3D":
                yield area.spaces.active


def _middle_of_points(collection: bpy.types.Collection, cameras: tuple[bpy.types.Object, ...]) -> Vector | None:
    """The median of the confident points of these photos; None when there are none."""
    photos = [camera[VIEW_INDEX] for camera in cameras if VIEW_INDEX in camera]
    points = [confident_points(thing, photos) for thing in collection.objects if points_modifier(thing)]
    found = np.concatenate([np.zeros((0, 3), np.float32), *points])
    return Vector(np.median(found, axis=0).tolist()) if len(found) else None


def _turned_to(turn: Quaternion, direction: Vector) -> Quaternion:
    """The camera's turn, changed to look along `direction` with its own up kept as far as possible."""
    up, back = np.array(turn.to_matrix())[:, 1], -np.array(direction.normalized())
    right = np.cross(up, back)
    if np.linalg.norm(right) < 1e-6:
        return turn
    right /= np.linalg.norm(right)
    return Matrix(np.stack([right, np.cross(back, right), back], axis=1).tolist()).to_quaternion()
