"""What viewports, camera, frames and format were before the first look through a photo, and going back there."""

import json
from collections.abc import Iterator
from typing import Any

import bpy

from ...core.errors import InputError
from ...core.io.atomic import DAMAGED_ARRAYS
from .cameras import SIZE
from .shared import RENDER_SETTINGS

BEFORE = "dust3r_view_before"  # custom property of the scene, JSON
PLACE = ("view_location", "view_rotation")  # of a viewport, vectors
CAMERA_PLACE = ("view_camera_zoom", "view_camera_offset")  # of a viewport, where it shows a camera's frame
RANGE = ("frame_start", "frame_end")


def remember_view(scene: bpy.types.Scene) -> None:
    """Write down how the scene is seen now, unless that was done before a photo or a shot already."""
    if BEFORE in scene:
        return
    scene[BEFORE] = json.dumps(
        {
            "camera": scene.camera.name if scene.camera else None,
            "frame": scene.frame_current,
            "range": {name: getattr(scene, name) for name in RANGE},
            "render": {name: getattr(scene.render, name) for name in RENDER_SETTINGS},
            "viewports": {key: _state(space) for key, space in _viewports(scene)},
        }
    )


def is_remembered(scene: bpy.types.Scene) -> bool:
    """Whether `restore_view` has somewhere to go back to."""
    return BEFORE in scene


def forget_view(scene: bpy.types.Scene) -> None:
    """There is nothing to go back to any more."""
    if BEFORE in scene:
        del scene[BEFORE]


def hide_other_cameras(layer: bpy.types.ViewLayer, camera: bpy.types.Object) -> None:
    """Show this photo's camera alone; the others come back with `restore_view`. After `remember_view`."""
    scene: Any = layer.id_data
    before = json.loads(scene[BEFORE])
    hidden = set(before.get("hidden", ()))
    if camera.name in layer.objects:
        camera.hide_set(False, view_layer=layer)
    for other in layer.objects:
        if other.type == "CAMERA" and SIZE in other and other != camera and not other.hide_get(view_layer=layer):
            other.hide_set(True, view_layer=layer)
            hidden.add(other.name)
    scene[BEFORE] = json.dumps(before | {"hidden": sorted(hidden)})


def restore_view(scene: bpy.types.Scene) -> None:
    """Back to what was remembered, which is forgotten; viewports that are new since stay as they are.

    Raises InputError when nothing was remembered, or nothing that can be read.
    """
    try:
        before = json.loads(scene[BEFORE])
        _restore(scene, before)
    except DAMAGED_ARRAYS as error:
        raise InputError("The view before the photo is not known; turn the view by hand") from error
    finally:
        forget_view(scene)


def _restore(scene: bpy.types.Scene, before: dict[str, Any]) -> None:
    scene.frame_set(before["frame"])
    scene.camera = bpy.data.objects.get(before["camera"] or "")  # after the frame, whose marker may bring another
    for owner, names, values in (
        (scene.render, RENDER_SETTINGS, before["render"]),
        (scene, RANGE, before.get("range", {})),
    ):
        for name in names:
            if name in values:  # an earlier version remembered less
                setattr(owner, name, values[name])
    for layer in scene.view_layers:
        for name in before.get("hidden", ()):
            if name in layer.objects:
                layer.objects[name].hide_set(False, view_layer=layer)
    for key, space in _viewports(scene):
        if key in before["viewports"]:
            _set_state(space, before["viewports"][key])


def _viewports(scene: bpy.types.Scene) -> Iterator[tuple[str, Any]]:
    """Every 3D viewport that shows the scene, by its place on its screen."""
    for window in bpy.context.window_manager.windows:
        for number, area in enumerate(window.screen.areas):
            space: Any = area.spaces.active
            if window.scene == scene and area.type == "VIEW_3D" and space.region_3d is not None:
                yield f"{window.screen.name} {number}", space


def _state(space: Any) -> dict[str, Any]:
    region = space.region_3d
    state: dict[str, Any] = {name: list(getattr(region, name)) for name in PLACE}
    zoom, offset = (getattr(region, name) for name in CAMERA_PLACE)
    return state | {
        "view_camera_zoom": zoom,
        "view_camera_offset": list(offset),
        "view_distance": region.view_distance,
        "view_perspective": region.view_perspective,
        "use_local_camera": space.use_local_camera,
    }


def _set_state(space: Any, state: dict[str, Any]) -> None:
    region = space.region_3d
    space.use_local_camera = state["use_local_camera"]
    # the perspective first: a camera's has its own place
    for name in ("view_perspective", *PLACE, "view_distance", *CAMERA_PLACE):
        if name in state:
            setattr(region, name, state[name])
