"""What a camera in the scene says of a photo: the file behind it, and where and how it was taken."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.cameras.priors import RIGID, KnownCamera, Part
from ...core.errors import InputError
from ...core.images.reader import read_header
from ...core.world.transform import OPENGL_TO_OPENCV, WORLD_TO_Z_UP
from .axes import blender_camera
from .cameras import INTRINSICS, PHOTO, SIZE, camera_data, intrinsics_of
from .reconstruction import read_recipe

SAME = 1e-5  # relative: a camera nearer to what its reconstruction said was rounded since, and not touched


def photo_of(camera: bpy.types.Object) -> Path | None:
    """The file that a camera shows: of its reconstruction, else its first background photo; None where it has none."""
    if said := _entry(camera):
        return Path(said["path"])
    images = [background.image for background in camera_data(camera).background_images if background.image]
    return next((Path(bpy.path.abspath(image.filepath)) for image in images if image.filepath), None)


def known_camera(camera: bpy.types.Object, photo: Path, part: Part) -> KnownCamera:
    """Pose, lens (K of the upright photo) or both, in core's world, of which Blender's is the z-up turn.

    What a reconstruction said of a camera that nobody has touched since comes back to the last bit; other cameras are
    read from the scene, in its single precision. Raises InputError for a camera that is no pinhole or stands askew and,
    for the lens, a photo that cannot be read.
    """
    pose = _pose(camera) if part != "lens" else None
    if part == "pose":
        return KnownCamera(pose)
    K = _intrinsics(camera, read_header(photo).upright_size)
    focal_y = None if K[0, 0] == K[1, 1] else float(K[1, 1])
    return KnownCamera(pose, float(K[0, 0]), (float(K[0, 2]), float(K[1, 2])), focal_y=focal_y)


def _pose(camera: bpy.types.Object) -> NDArray[np.float64]:
    """cam2world (4, 4); scale, of the camera or its parents, moves the camera and does not change what it sees."""
    if (said := _entry(camera)) and _stands_at(camera, np.array(said["cam2world"])):
        return np.array(said["cam2world"], dtype=np.float64)
    world = np.array(camera.matrix_world, dtype=np.float64)
    axes = world[:3, :3] / np.maximum(np.linalg.norm(world[:3, :3], axis=0), 1e-30)
    if np.abs(axes.T @ axes - np.eye(3)).max() > RIGID or np.linalg.det(axes) < 0:
        raise InputError(
            f"{camera.name!r} is sheared, mirrored or flattened by a scale; apply the scale of its parents and its own"
        )
    U, _, Vt = np.linalg.svd(axes)
    world[:3, :3] = U @ Vt  # the nearest rotation
    return WORLD_TO_Z_UP.T @ world @ OPENGL_TO_OPENCV


def _intrinsics(camera: bpy.types.Object, size: tuple[int, int]) -> NDArray[np.float64]:
    """K (3, 3) in pixels of a photo of this (width, height)."""
    K, said = intrinsics_of(camera, size), camera.get(INTRINSICS)
    if said is None or tuple(camera[SIZE]) != size:
        return K
    exact = np.array(said, dtype=np.float64).reshape(3, 3)
    ratio = exact[0, 0] / exact[1, 1]  # Blender keeps the pixels' aspect with the scene
    K[1, 1], K[1, 2] = K[1, 1] / ratio, size[1] / 2 + (K[1, 2] - size[1] / 2) / ratio
    return exact if np.allclose(K, exact, SAME, SAME * size[0]) else K


def _entry(camera: bpy.types.Object) -> dict[str, Any]:
    """What the recipe of its reconstruction says of a camera; empty where there is none."""
    for collection in camera.users_collection:
        recipe = read_recipe(collection) or {}
        for (name, photo), view in zip(recipe.get("photos", {}).items(), recipe.get("views", []), strict=False):
            if name == camera.get(PHOTO):
                return photo | view
    return {}


def _stands_at(camera: bpy.types.Object, cam2world: NDArray[np.float64]) -> bool:
    said, now = np.array(blender_camera(cam2world)), np.array(camera.matrix_world)
    shift = np.linalg.norm(said[:3, 3] - now[:3, 3])
    return bool(np.allclose(said[:3, :3], now[:3, :3], atol=SAME) and shift <= SAME * np.linalg.norm(said[:3, 3]))
