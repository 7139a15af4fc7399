"""The outputs of verbs that Blender writes, and its scenes as their inputs. Needs Blender."""

import os
from collections.abc import Sequence
from pathlib import Path

import bpy

from ..core.cameras.camera_path import CameraPath
from ..core.errors import InputError
from ..core.images.video import Clip
from ..core.io.atomic import named_when_whole
from ..core.localization.reference_settings import MapSettings
from ..core.meshing.mesh import Mesh
from ..core.progress import Report
from ..core.reconstruction.result import Reconstruction
from ..operators.scene.camera_path import add_path_camera
from ..operators.scene.cameras import PHOTO
from ..operators.scene.interchange import export_gltf_scene, export_scene_format
from ..operators.scene.localized import add_matched
from ..operators.scene.map_views import render_map
from ..operators.scene.meshes import add_meshes
from ..operators.scene.quiet import blender_silenced
from ..operators.scene.reconstruction import add_reconstruction
from ..operators.scene.render import render_still
from ..operators.scene.viewpoints import add_between_camera

ZSTD_END = bytes.fromhex("b1ea928f")


def write_scene(
    result: Reconstruction, blend: Path | None, picture: Path | None, display_percentage: float | None = None
) -> list[str]:
    """Put the reconstruction into an empty scene; save and render what was asked for. Returns what was made.

    display_percentage: of the points, in the viewports of the saved scene, as `add_reconstruction` takes it.
    Raises InputError, naming the file, when it cannot be written.
    """
    made: list[str] = []
    with blender_silenced():
        scene = _empty_scene()
        collection = add_reconstruction(scene, result, display_percentage=display_percentage, photo_frames=True)
        if picture is not None:
            render_still(scene, picture, camera=_camera_between(collection))
            made.append(str(picture))
        if blend is not None:
            save_scene(blend)
            made.append(str(blend))
    return made


def write_shot(result: Reconstruction, path: CameraPath, like: str, clip: Clip | None, blend: Path) -> None:
    """Write the reconstruction and a camera that follows the path, with the image size of the photo `like`.

    clip: footage behind the camera. Raises InputError for what is gone or cannot be written.
    """
    with blender_silenced():
        scene = _empty_scene()
        collection = add_reconstruction(scene, result, photo_frames=True)
        camera = next(thing for thing in collection.objects if thing.get(PHOTO) == like)
        add_path_camera(scene, collection, camera, path, "Shot", clip)
        save_scene(blend)


def write_interchange(result: Reconstruction, folder: Path, format_name: str) -> Path:
    """Write one of core's SCENE_FORMATS through an empty scene; returns the file. Raises InputError."""
    with blender_silenced():
        return export_scene_format(add_reconstruction(_empty_scene(), result), folder, format_name)


def write_meshes(meshes: Sequence[Mesh], path: Path) -> list[str]:
    """Write meshes with their pictures as a .glb through an empty scene; returns warnings. Raises InputError."""
    with blender_silenced():
        scene = _empty_scene()
        _, warnings = add_meshes(scene, scene.collection, meshes)
        export_gltf_scene(scene, path)
    return warnings


def map_scene(path: Path, folder: Path, settings: MapSettings, report: Report) -> list[str]:
    """Open a .blend and render its views into a folder (`render_map`). Returns warnings."""
    return render_map(open_scene(path), folder, settings, report)


def save_matched(placed: Reconstruction, path: Path) -> list[str]:
    """Write the scene that is open, with the photos' cameras in it. Returns warnings."""
    with blender_silenced():
        _, warnings = add_matched(bpy.context.scene, placed)
        save_scene(path)
    return warnings


def _camera_between(collection: bpy.types.Collection) -> bpy.types.Object:
    """A camera half way between the two photos in the middle of the order."""
    cameras = [thing for thing in collection.objects if thing.type == "CAMERA"]
    middle = len(cameras) // 2
    return add_between_camera(collection, cameras[max(0, middle - 1)], cameras[middle])


def _empty_scene() -> bpy.types.Scene:
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy.data.scenes[0]


def open_scene(path: Path) -> bpy.types.Scene:
    """The scene of a .blend, in place of what is open; raises InputError when it cannot be opened."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; name a .blend file")
    try:
        with blender_silenced():
            bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False, use_scripts=False)
    except RuntimeError as error:
        raise InputError(f"{path} cannot be opened: {str(error).strip().splitlines()[-1]}") from error
    return bpy.context.scene


def save_scene(path: Path) -> None:
    """Write what is open as a .blend, whole or not at all; raises InputError when it cannot be written.

    Under another name first: on a full disk Blender truncates a compressed file and reports success.
    """
    with named_when_whole(path) as partial:
        try:
            bpy.ops.wm.save_as_mainfile(filepath=str(partial.resolve()), check_existing=False, compress=True, copy=True)
            whole = _is_whole(partial)
        except (RuntimeError, OSError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise InputError(f"Cannot write {path}: {reason}; free some space or choose another place") from error
        if not whole:
            raise InputError(f"Cannot write {path}: the disk is full; free some space or choose another place")


def _is_whole(blend: Path) -> bool:
    """Whether a compressed .blend has its last bytes: the end mark of zstd's table of frames."""
    with blend.open("rb") as file:
        file.seek(-len(ZSTD_END), os.SEEK_END)
        return file.read() == ZSTD_END
