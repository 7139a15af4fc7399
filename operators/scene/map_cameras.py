"""From where a scene is shown to the network: its own cameras, with the photos they took, or views around a model."""

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.images.reader import open_photo
from ...core.localization.reference_settings import MapSettings
from ...core.world.transform import OPENGL_TO_OPENCV
from .cameras import INTRINSICS, PHOTO, SIZE, camera_data, intrinsics_of
from .free_space import aimed, box_corners, evaluated
from .known import photo_of
from .posed_render import Viewpoint

ASPECT = 4 / 3  # of the views around a model
FIELD_OF_VIEW = 50.0  # degrees along their longer side
ROOM = 1.05  # how much of a view's shorter side the model's bounding sphere leaves: a twentieth
LOWEST, HIGHEST = -10.0, 50.0  # degrees that they stand above the model's middle
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))  # between successive views: any number of them stands evenly
SLACK = 0.01  # of the aspect ratio: sizes are whole numbers

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MapCamera:
    """A camera that the network is to see the scene from."""

    name: str  # fit for a file's name
    at: Viewpoint
    photo: Path | None = None  # what it shows in place of a render


def map_cameras(scene: bpy.types.Scene, settings: MapSettings) -> list[MapCamera]:
    """Those that the settings name; raises InputError for names that cannot be used, and for none."""
    if settings.around:
        return _cameras_around(scene, settings)
    cameras = [_find(scene, name) for name in settings.cameras]
    cameras = cameras or sorted((one for one in scene.objects if one.type == "CAMERA"), key=lambda one: one.name)
    if not cameras:
        raise InputError(
            f"The scene {scene.name!r} has no camera to see the model from; add one, or choose an object to go around"
        )
    return [_camera(scene, camera, number, settings) for number, camera in enumerate(cameras)]


def _find(scene: bpy.types.Scene, name: str, kind: str = "camera") -> bpy.types.Object:
    thing = scene.objects.get(name)
    if thing is None or (kind == "camera" and thing.type != "CAMERA"):
        raise InputError(f"The scene {scene.name!r} has no {kind} {name!r}; check the name")
    return thing


def _camera(scene: bpy.types.Scene, camera: bpy.types.Object, number: int, settings: MapSettings) -> MapCamera:
    size = _fitted(_frame(scene, camera), settings.size)
    pose = np.eye(4)
    pose[:3, :3] = np.array(camera.matrix_world.to_quaternion().to_matrix())
    pose[:3, 3] = camera.matrix_world.translation
    data = camera_data(camera)
    clip = (data.clip_start, data.clip_end)
    at = Viewpoint(pose @ OPENGL_TO_OPENCV, intrinsics_of(camera, size), size, clip)
    return MapCamera(_file_name(camera.name, number), at, own_photo(scene, camera) if settings.photos else None)


def _frame(scene: bpy.types.Scene, camera: bpy.types.Object) -> tuple[float, float]:
    """Width and height of what a camera frames, as it is looked at: of our cameras the photo's."""
    if _is_ours(camera):
        return tuple(camera[SIZE])
    render = scene.render
    return render.resolution_x * render.pixel_aspect_x, render.resolution_y * render.pixel_aspect_y


def _is_ours(camera: bpy.types.Object) -> bool:
    """Whether it has a photo's own format, with square pixels."""
    return SIZE in camera and INTRINSICS in camera and camera[INTRINSICS][0] == camera[INTRINSICS][4]


def own_photo(scene: bpy.types.Scene, camera: bpy.types.Object) -> Path | None:
    """The file of the background photo that fills the camera's frame, as a photo does that it took; else None.

    Of a camera of ours, any photo of its size; of another, one that is neither moved, scaled nor turned.
    """
    shown = next(iter(camera_data(camera).background_images), None)
    path = _file_of(camera, shown) if camera_data(camera).show_background_images and shown is not None else None
    if path is None:
        return None
    with suppress(InputError):  # a picture of another kind is no photo
        photo = open_photo(path)
        if _is_ours(camera):
            return path if photo.image.size == tuple(camera[SIZE]) else None
        moved = shown.scale != 1 or shown.rotation or shown.use_flip_x or shown.use_flip_y or photo.orientation != 1
        (width, height), (across, up) = photo.image.size, _frame(scene, camera)
        return path if not moved and abs(width * up / (height * across) - 1) < SLACK else None
    return None


def _file_of(camera: bpy.types.Object, shown: Any) -> Path | None:
    """Of a camera's background image that lies on disk, maybe beside a copy in the .blend, and is not moved aside."""
    image = shown.image
    if shown.source != "IMAGE" or image is None or image.source != "FILE" or any(shown.offset):
        return None
    if image.packed_file:  # of ours it is a copy of the file that the recipe names
        path = photo_of(camera) if PHOTO in camera else None
    else:
        path = Path(bpy.path.abspath(image.filepath, library=image.library))
    return path if path is not None and path.is_file() else None


def _fitted(frame: tuple[float, float], longest: int) -> tuple[int, int]:
    """(width, height) in pixels of a frame whose longer side has so many."""
    scale = longest / max(frame)
    return max(1, round(frame[0] * scale)), max(1, round(frame[1] * scale))


def _file_name(name: str, number: int) -> str:
    return f"{number:02d}_{re.sub(r'[^0-9A-Za-z._-]+', '_', name)}"


def _cameras_around(scene: bpy.types.Scene, settings: MapSettings) -> list[MapCamera]:
    """Views of these objects and their children, with everything else in the way left standing there."""
    found = [_find(scene, name, "object") for name in settings.around]
    chosen = {one for thing in found for one in (thing, *thing.children_recursive)}
    depsgraph = evaluated(scene)
    corners = box_corners(depsgraph, chosen)
    if not len(corners):
        raise InputError(f"{found[0].name!r} shows no surface in renders; name an object that does")
    middle = (corners.min(0) + corners.max(0)) / 2
    radius = float(np.linalg.norm(corners - middle, axis=1).max())
    size = _fitted((ASPECT, 1), settings.size)
    cameras = []
    for number, direction in enumerate(directions_around(settings.views)):
        at = _looking_at(middle, radius, direction, size)
        if _in_sight(scene, depsgraph, at.cam2world[:3, 3], middle, radius):
            cameras.append(MapCamera(_file_name("around", number), at))
    if not cameras:
        raise InputError(
            f"Other objects hide {found[0].name!r} from all sides; place cameras that see it, and use those"
        )
    return cameras


def directions_around(count: int) -> Array:
    """Unit vectors (count, 3) from a model to the views around it, z up: a spiral, even in area."""
    low, high = math.sin(math.radians(LOWEST)), math.sin(math.radians(HIGHEST))
    z = low + (high - low) * (np.arange(count) + 0.5) / count
    angle, across = GOLDEN_ANGLE * np.arange(count), np.sqrt(1 - z**2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=1).astype(np.float64)


def _looking_at(middle: Array, radius: float, direction: Array, size: tuple[int, int]) -> Viewpoint:
    """From so far that the sphere fits."""
    focal = max(size) / 2 / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    distance = ROOM * radius / math.sin(math.atan(min(size) / 2 / focal))
    pose = aimed(middle + distance * direction, -direction, 0.0)
    return Viewpoint(pose, np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]]), size)


def _in_sight(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph, eye: Array, middle: Array, radius: float) -> bool:
    """Whether the way to the sphere is free."""
    away = middle - eye
    distance = float(np.linalg.norm(away))
    free = max(distance - radius, 0.0)
    return not scene.ray_cast(depsgraph, eye.tolist(), (away / distance).tolist(), distance=free)[0]
