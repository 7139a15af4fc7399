"""One animated camera on the way through a reconstruction's cameras, over footage where they come from a movie."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Quaternion
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.images.video import Clip, ClipFrames, frames_of_one_movie
from .axes import blender_camera
from .backgrounds import turn_background
from .cameras import INTRINSICS, SIZE, VIEW_INDEX, camera_data, set_intrinsics, use_photo_format
from .clip_frames import turn_to_do
from .known import photo_of
from .shared import check_own, taken_back_on_failure
from .world import camera_pose

if TYPE_CHECKING:
    from ...core.cameras.camera_path import CameraPath

RIG = "dust3r_shot"  # custom property of the empty that carries an animated camera: first and last frame
OPACITY = 0.5  # of the footage
Array = NDArray[np.float64]


def path_cameras(context: bpy.types.Context, collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The photos' cameras in their order: those selected where that is two or more, else all that share one world.

    Raises InputError where none is left.
    """
    ours = [thing for thing in collection.objects if thing.type == "CAMERA" and VIEW_INDEX in thing]
    if not ours:
        raise InputError(f"{collection.name!r} has no photo's camera any more; reconstruct again")
    chosen = [thing for thing in ours if thing.select_get()]
    if len(chosen) < 2:
        components = [thing["dust3r_component"] for thing in ours]
        chosen = [thing for thing in ours if thing["dust3r_component"] == max(set(components), key=components.count)]
    return sorted(chosen, key=lambda thing: thing[VIEW_INDEX])


def movie_cameras(cameras: Sequence[bpy.types.Object]) -> tuple[Clip, list[bpy.types.Object], Array]:
    """The movie that most of the photos are frames of, their cameras in its order, and their frames (N,), from 1.

    Raises InputError where fewer than two are frames of one movie.
    """
    photos = {photo: camera for camera in cameras if (photo := photo_of(camera)) is not None}
    clip, chosen, numbers = frames_of_one_movie(list(photos))
    shown = list(photos.values())
    return clip, [shown[index] for index in chosen], numbers


def are_frames(collection: bpy.types.Collection) -> bool:
    """Whether two of the photos behind a result's cameras lie beside other frames of a movie; looked up once."""
    images = [
        background.image
        for thing in collection.objects
        if thing.type == "CAMERA" and VIEW_INDEX in thing
        for background in camera_data(thing).background_images
        if background.image is not None
    ]
    photos = [Path(bpy.path.abspath(image.filepath)) for image in images]
    names = {folder: _frames_in(folder, _changed(folder)) for folder in {photo.parent for photo in photos}}
    return sum(photo.name in names[photo.parent] for photo in photos) > 1


@lru_cache(maxsize=64)
def _frames_in(folder: Path, changed: int) -> frozenset[str]:
    """Names of the files that are frames of a movie, in a folder as it was at a time."""
    try:
        return frozenset(ClipFrames.load(folder).numbers)
    except InputError:
        return frozenset()


def _changed(folder: Path) -> int:
    """When a file came into a folder or left it, nanoseconds; 0 where it is gone."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def poses_and_lenses(cameras: Sequence[bpy.types.Object]) -> tuple[Array, Array, Array]:
    """Where cameras are now, cam2world (N, 4, 4) in core's axes, K (N, 3, 3), and their photos' sizes (N, 2)."""
    K = np.array([list(camera[INTRINSICS]) for camera in cameras], dtype=np.float64).reshape(-1, 3, 3)
    return (
        np.stack([camera_pose(camera) for camera in cameras]),
        K,
        np.array([list(camera[SIZE]) for camera in cameras]),
    )


def add_path_camera(
    scene: bpy.types.Scene,
    collection: bpy.types.Collection,
    like: bpy.types.Object,
    path: "CameraPath",
    name: str,
    clip: Clip | None = None,
) -> bpy.types.Object:
    """A camera with a key on each of the path's frames, which are whole numbers, one after the other; all or nothing.

    Picture, clipping and symbol are those of `like`, a camera of ours. An empty carries it, so that what moves the
    world moves the way. It becomes the scene's camera, as `make_shot` says. clip: footage behind it, its first frame on
    the path's first; the scene then plays at its rate. Raises InputError where the footage is gone, and for a
    library's collection.
    """
    camera = add_keyed_camera(scene, collection, like, path, name, clip)
    make_shot(scene, camera)
    return camera


def add_keyed_camera(
    scene: bpy.types.Scene,
    collection: bpy.types.Collection,
    like: bpy.types.Object,
    path: "CameraPath",
    name: str = "Shot",
    clip: Clip | None = None,
) -> bpy.types.Object:
    """What `add_path_camera` adds; without a clip the scene itself stays as it is."""
    check_own(collection)
    with taken_back_on_failure(scene):
        rig = bpy.data.objects.new(f"{name} Rig", None)
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        rig[RIG] = [int(path.times[0]), int(path.times[-1])]
        rig.empty_display_size, camera.parent = camera_data(like).display_size, rig
        for thing in (rig, camera):
            collection.objects.link(thing)
        size = (int(like[SIZE][0]), int(like[SIZE][1]))
        copy_extent(like, camera)
        _animate(camera, path, size)
        if clip is not None:
            _add_footage(scene, camera, clip, int(path.times[0]))
    return camera


def copy_extent(like: bpy.types.Object, camera: bpy.types.Object) -> None:
    """Clipping and symbol of one camera for another."""
    for setting in ("clip_start", "clip_end", "display_size"):
        setattr(camera.data, setting, getattr(camera_data(like), setting))


def shot_frames(camera: bpy.types.Object | None) -> tuple[int, int] | None:
    """First and last frame of an animated camera of ours; None for any other object."""
    thing = camera
    while thing is not None and RIG not in thing:
        thing = thing.parent
    if thing is None or camera is None or camera.type != "CAMERA" or SIZE not in camera:
        return None
    return int(thing[RIG][0]), int(thing[RIG][1])


def shot_cameras(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The animated cameras of ours, the latest last."""
    found = [(frames, thing) for thing in scene.objects if (frames := shot_frames(thing)) is not None]
    return [thing for _, thing in sorted(found, key=lambda entry: entry[0])]


def first_free_frame(scene: bpy.types.Scene) -> int:
    """After the last frame that shows a photo's camera or a shot already; 1 where none does."""
    photos = [marker.frame for marker in scene.timeline_markers if marker.camera]
    shots = [int(thing[RIG][1]) for thing in scene.objects if RIG in thing]
    return 1 + max((*photos, *shots), default=0)


def _animate(camera: bpy.types.Object, path: "CameraPath", size: tuple[int, int]) -> None:
    """A key on every frame: the way between two is then short enough for Blender's own."""
    data, turn = camera_data(camera), Quaternion()
    camera.rotation_mode = "QUATERNION"
    for time, cam2world, K in zip(path.times, path.cam2world, path.K(size), strict=True):
        stands, frame = blender_camera(cam2world), int(time)
        turned = stands.to_quaternion()
        turned.make_compatible(turn)  # q and -q are one turn, but not on the way between keys
        camera.location, camera.rotation_quaternion, turn = stands.translation, turned, turned
        set_intrinsics(camera, size, K.ravel().tolist())
        for channel in ("location", "rotation_quaternion"):
            camera.keyframe_insert(channel, frame=frame)
        for channel in ("lens", "shift_x", "shift_y"):
            data.keyframe_insert(channel, frame=frame)
    set_intrinsics(camera, size, path.K(size)[0].ravel().tolist())


def _add_footage(scene: bpy.types.Scene, camera: bpy.types.Object, clip: Clip, first: int) -> None:
    """The movie behind the camera, its first frame on the scene's frame `first`, at the movie's rate."""
    if not clip.path.is_file():
        raise InputError(f"The movie {clip.path} is gone; put it back and try again")
    footage = bpy.data.movieclips.load(str(clip.path))
    footage.frame_start = first
    data = camera_data(camera)
    data.show_background_images = True
    background = data.background_images.new()
    background.source, background.clip, background.alpha = "MOVIE_CLIP", footage, OPACITY
    background.display_depth, background.frame_method = "BACK", "CROP"
    turn_background(background, turn_to_do(clip.path), clip.size)
    scene.render.fps = max(1, round(clip.fps))
    scene.render.fps_base = scene.render.fps / clip.fps


def make_shot(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Give the scene the camera, the frames and the format of an animated camera of ours.

    Markers of photos' cameras on these frames go; where others bind a camera, the shot gets a marker too.
    """
    frames = shot_frames(camera)
    if frames is None:
        raise InputError(f"{camera.name!r} is no animated camera; choose one that Animate Camera made")
    bound = [marker for marker in scene.timeline_markers if marker.camera]
    for marker in bound:
        camera_of_photo = marker.camera is not None and VIEW_INDEX in marker.camera
        if camera_of_photo and frames[0] <= marker.frame <= frames[1]:
            scene.timeline_markers.remove(marker)
    if any(marker.camera not in (None, camera) for marker in scene.timeline_markers):
        scene.timeline_markers.new(camera.name, frame=frames[0]).camera = camera
    scene.frame_start, scene.frame_end = frames
    scene.camera = camera
    use_photo_format(scene, camera)
    scene.frame_set(frames[0])
