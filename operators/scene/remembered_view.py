"""What the viewports and the scene's camera were before the first look through a photo, and going back there."""

import json
from collections.abc import Iterator
from typing import Any

import bpy

from ...core.errors import InputError
from ...core.io.atomic import DAMAGED_ARRAYS
from .shared import RENDER_SETTINGS

BEFORE = "dust3r_view_before"  # custom property of the scene, JSON
PLACE = ("view_location", "view_rotation")  # of a viewport, vectors


def remember_view(scene: bpy.types.Scene) -> None:
    """Write down how the scene is seen now, unless a photo is being looked through already."""
    if BEFORE in scene:
        return
    scene[BEFORE] = json.dumps(
        {
            "camera": scene.camera.name if scene.camera else None,
            "frame": scene.frame_current,
            "render": {name: getattr(scene.render, name) for name in RENDER_SETTINGS},
            "viewports": {key: _state(space) for key, space in _viewports(scene)},
        }
    )


def is_remembered(scene: bpy.types.Scene) -> bool:
    """Whether `restore_view` has somewhere to go back to."""
    return BEFORE in scene


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
        if BEFORE in scene:
            del scene[BEFORE]


def _restore(scene: bpy.types.Scene, before: dict[str, Any]) -> None:
    scene.frame_set(before["frame"])
    scene.camera = bpy.data.objects.get(before["camera"] or "")  # after the frame, whose marker may bring another
    for name in RENDER_SETTINGS:
        setattr(scene.render, name, before["render"][name])
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
    return state | {
        "view_distance": region.view_distance,
        "view_perspective": region.view_perspective,
        "use_local_camera": space.use_local_camera,
    }


def _set_state(space: Any, state: dict[str, Any]) -> None:
    region = space.region_3d
    space.use_local_camera = state["use_local_camera"]
    for name in ("view_perspective", *PLACE, "view_distance"):  # the perspective first: a camera's has its own place
        setattr(region, name, state[name])
