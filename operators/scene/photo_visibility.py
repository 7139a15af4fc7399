"""Points of single photos switched off and on: a boolean attribute of the points that the node group reads."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import bpy
import numpy as np

from ...core.flaws import surface_flaws
from ...core.reconstruction.result import Reconstruction
from .cameras import VIEW_INDEX
from .point_cloud import check_not_edited, points_modifier, renew_nodes
from .points_nodes import HIDDEN, VIEW, set_points_input
from .reading import find_points, photo_cameras
from .shared import check_own

OFF = "dust3r_hidden"  # custom property of the cameras whose photos are switched off


def switch_photos(collection: bpy.types.Collection, off: Iterable[int]) -> None:
    """Hide the points of these photos and show all others'; nothing is removed.

    Points of an earlier version get today's node group, their other inputs as they are. A reconstruction whose points
    are gone keeps its switches all the same. Raises InputError for a library's
    and in Edit Mode.
    """
    check_own(collection)
    cloud: Any = find_points(collection)
    if cloud is not None:
        check_not_edited(cloud)
    off = sorted(set(off))
    for camera in photo_cameras(collection):
        if camera[VIEW_INDEX] in off:
            camera[OFF] = True
        elif OFF in camera:
            del camera[OFF]
    if cloud is not None:
        renew_nodes(cloud)
        _write(cloud.data, off)


def show_points_of(collection: bpy.types.Collection, camera: bpy.types.Object | None) -> None:
    """Show the points of one photo's camera alone, or of all photos (None); which photos are off does not change."""
    cloud = find_points(collection)
    if cloud is not None and not cloud.library:
        number = -1 if camera is None else camera.get(VIEW_INDEX, -1)
        set_points_input(points_modifier(cloud), "View", number)


def photos_off(collection: bpy.types.Collection) -> list[int]:
    """Numbers of the photos that are switched off, in their order."""
    return [camera[VIEW_INDEX] for camera in photo_cameras(collection) if OFF in camera]


def without_photos_off(reconstruction: Reconstruction, collection: bpy.types.Collection) -> Reconstruction:
    """What `read_reconstruction` gave, but masks leave out the photos that are switched off; their cameras stay.

    What these photos showed of others' points is shown by the others then.
    """
    off = [number for number in photos_off(collection) if number < len(reconstruction.views)]
    views = [
        replace(view, mask=np.zeros_like(view.mask)) if k in off else view
        for k, view in enumerate(reconstruction.views)
    ]
    result = replace(reconstruction, views=tuple(views))
    return result.with_settings(hide=surface_flaws(result.hidden_flaws)) if off else result


def _write(mesh: Any, off: list[int]) -> None:
    """Set the attribute, or remove it where nothing is switched off: it is one more byte of every point."""
    attribute = mesh.attributes.get(HIDDEN)
    if not off:
        if attribute is not None:
            mesh.attributes.remove(attribute)
    else:
        number = np.empty(len(mesh.vertices), np.int32)
        mesh.attributes[VIEW].data.foreach_get("value", number)
        attribute = attribute or mesh.attributes.new(HIDDEN, "BOOLEAN", "POINT")
        attribute.data.foreach_set("value", np.isin(number, off))
    mesh.update()
