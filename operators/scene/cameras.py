"""Blender cameras with a photo's exact intrinsics."""

from typing import cast

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.reconstruction.result import AlignedView
from ...core.world.scale import SceneScale
from .axes import blender_camera

SENSOR_WIDTH = 36.0  # mm; any value gives the same picture
SYMBOL_SIZE = 0.1  # of a camera in the viewport, as a share of the scene's depth
# custom properties of our camera objects
PHOTO, VIEW_INDEX, SIZE, INTRINSICS = "dust3r_photo", "dust3r_view", "dust3r_size", "dust3r_K"


def add_camera(collection: bpy.types.Collection, view: AlignedView, index: int, scale: SceneScale) -> bpy.types.Object:
    """A new camera object in `collection`, named by the photo, that sees what the photo shows.

    index: the photo's number, as in the points' attribute `view`. The picture is exact at the photo's own resolution
    and pixel aspect: `use_photo_format` sets both.
    """
    camera = bpy.data.objects.new(view.name, bpy.data.cameras.new(view.name))
    camera.matrix_world = blender_camera(view.cam2world)
    camera[PHOTO], camera[VIEW_INDEX], camera["dust3r_component"] = view.name, index, view.component
    set_intrinsics(camera, view.mapping.photo_size, view.K.ravel().tolist())
    _set_extent(camera_data(camera), scale)
    collection.objects.link(camera)
    return camera


def set_intrinsics(camera: bpy.types.Object, size: tuple[int, int], K: list[float]) -> None:
    """Lens and shifts of a photo of `size` (width, height) with the nine numbers of K, row by row, in pixels."""
    (width, height), (fx, fy, cx, cy) = size, (K[0], K[4], K[2], K[5])
    pixel_ratio = fx / fy  # a pixel's height over its width, which the scene's pixel aspect has to show
    data = camera_data(camera)
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_WIDTH  # AUTO changes axis with the scene's format
    data.lens = fx * SENSOR_WIDTH / width
    data.shift_x = (width / 2 - cx) / width
    data.shift_y = (cy - height / 2) / width * pixel_ratio
    camera[SIZE], camera[INTRINSICS] = list(size), K


def camera_data(camera: bpy.types.Object) -> bpy.types.Camera:
    return cast(bpy.types.Camera, camera.data)


def _set_extent(data: bpy.types.Camera, scale: SceneScale) -> None:
    """Clipping and symbol that suit the scene, whatever its unit."""
    data.clip_start = scale.depth * 1e-3
    data.clip_end = scale.farthest * 100
    data.display_size = scale.depth * SYMBOL_SIZE


def use_photo_format(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Render size and pixel aspect of the photo that this camera of ours took."""
    fx, fy = camera[INTRINSICS][0], camera[INTRINSICS][4]
    render = scene.render
    render.resolution_x, render.resolution_y = camera[SIZE]
    render.resolution_percentage = 100
    # Blender wants both at least 1
    render.pixel_aspect_x, render.pixel_aspect_y = max(1.0, fy / fx), max(1.0, fx / fy)


def pixel_of_direction(camera: bpy.types.Object, direction: Vector) -> tuple[float, float]:
    """The photo pixel of a camera of ours that looks into a direction (3,) of the world."""
    x, y, z = camera.matrix_world.to_quaternion().inverted() @ direction
    fx, fy, cx, cy = (camera[INTRINSICS][k] for k in (0, 4, 2, 5))
    return cx - fx * x / z, cy + fy * y / z  # Blender's cameras look along -z, with y up


def intrinsics_of(camera: bpy.types.Object, size: tuple[int, int]) -> NDArray[np.float64]:
    """K (3, 3) of any perspective camera, in pixels of a picture of `size` (width, height) whose pixels are square.

    As Blender frames it (BKE_camera_params_compute_viewplane): the sensor spans the side that its fit names, the longer
    one of AUTO, and shifts count in that side. Raises InputError for a camera that is no pinhole.
    """
    data, (width, height) = camera_data(camera), size
    if data.type != "PERSP":
        raise InputError(f"{camera.name!r} is no perspective camera ({data.type.lower()}); choose one that is")
    upright = data.sensor_fit == "VERTICAL" or (data.sensor_fit == "AUTO" and height > width)
    sensor = data.sensor_height if data.sensor_fit == "VERTICAL" else data.sensor_width
    side = height if upright else width
    focal = data.lens / sensor * side
    centre = width / 2 - data.shift_x * side, height / 2 + data.shift_y * side
    return np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
