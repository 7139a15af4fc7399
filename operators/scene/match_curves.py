"""Matches as curves from one photo's image plane to another's."""

import colorsys
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .cameras import INTRINSICS, SIZE, camera_data
from .materials import emit
from .shared import check_own, shared_block

HUES = 12  # curves run through them from the top of the first photo to its bottom
THICKNESS = 0.004  # of a curve, of the camera symbol's size
MATERIAL = "DUSt3R Match"


def add_match_curves(
    collection: bpy.types.Collection,
    cameras: tuple[bpy.types.Object, bpy.types.Object],
    pixels: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> bpy.types.Object:
    """A new curve object: a straight line for each match, between the frames that the camera symbols draw.

    cameras: two that a reconstruction made; pixels: (M, 2) of each photo. Raises InputError for a library's.
    """
    check_own(collection)
    name = " - ".join(camera.name for camera in cameras)
    curve = bpy.data.curves.new(f"Matches {name}", "CURVE")
    curve.dimensions = "3D"
    curve.bevel_depth = THICKNESS * camera_data(cameras[0]).display_size
    for hue in range(HUES):
        curve.materials.append(_material(hue))
    ends = [on_image_plane(camera, own) for camera, own in zip(cameras, pixels, strict=True)]
    hues = np.floor(HUES * pixels[0][:, 1] / cameras[0][SIZE][1]).clip(0, HUES - 1).astype(int)
    for start, end, hue in zip(*ends, hues, strict=True):
        line = curve.splines.new("POLY")
        line.points.add(1)
        line.points.foreach_set("co", [*start, 1, *end, 1])
        line.material_index = int(hue)
    lines = bpy.data.objects.new(curve.name, curve)
    collection.objects.link(lines)
    return lines


def on_image_plane(camera: bpy.types.Object, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 3), world: where photo pixels (M, 2) are in the frame of the camera's symbol."""
    fx, fy, cx, cy = (camera[INTRINSICS][k] for k in (0, 4, 2, 5))
    depth = camera_data(camera).display_size * fx / camera[SIZE][0]  # the symbol's frame is as wide as its size
    x, y = (pixels[:, 0] - cx) / fx, (pixels[:, 1] - cy) / fy
    points = depth * np.stack([x, -y, -np.ones_like(x)], axis=1)
    to_world = np.array(camera.matrix_world)
    return points @ to_world[:3, :3].T + to_world[:3, 3]


def _material(hue: int) -> bpy.types.Material:
    """The file's shared one of this colour, the same in every viewport mode."""
    color = (*colorsys.hsv_to_rgb(hue / HUES, 0.9, 1.0), 1.0)

    def make(name: str) -> bpy.types.Material:
        material: Any = bpy.data.materials.new(name)
        material.diffuse_color = color
        emit(material).inputs["Color"].default_value = color
        return material

    return shared_block(bpy.data.materials, f"{MATERIAL} {hue:02d}", 1, make)
