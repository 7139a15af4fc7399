"""Points of single photos, shown or hidden."""

from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from ...core.errors import InputError
from ..reporting import reports_errors
from ..scene.cameras import VIEW_INDEX
from ..scene.photo_visibility import photos_off, switch_photos
from ..scene.reading import active_reconstruction, photo_cameras
from .look_through_photo import find_camera
from .on_reconstruction import OnReconstruction


class DUST3R_OT_show_photo(OnReconstruction, bpy.types.Operator):
    """Show or hide the points that came from a photo; nothing is removed"""

    bl_idname = "dust3r.show_photo"
    bl_label = "Show Photo"
    bl_options = {"REGISTER", "UNDO"}

    photo: StringProperty(
        name="Photo", description="Name of the camera; none: the active one", default="", options={"SKIP_SAVE"}
    )
    action: EnumProperty(
        name="Action",
        description="Which photos' points are shown",
        items=(
            ("TOGGLE", "Show or Hide", "The other way than they are now"),
            ("SHOW", "Show", "This photo's, too"),
            ("HIDE", "Hide", "All but this photo's"),
            ("ONLY", "Show Only This", "This photo's alone"),
            ("ALL", "Show All", "Every photo's"),
        ),
    )

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._switch(context)
        return {"FINISHED"}

    def _switch(self, context: bpy.types.Context) -> None:
        collection = active_reconstruction(context)
        off = set(photos_off(collection))
        if self.action == "ALL":
            switch_photos(collection, ())
            return
        camera = find_camera(context, self.photo)
        if collection.objects.get(camera.name) is None:
            raise InputError(f"{camera.name!r} is of another reconstruction; select one of its objects first")
        this, every = {camera[VIEW_INDEX]}, {other[VIEW_INDEX] for other in photo_cameras(collection)}
        switched = {"TOGGLE": off ^ this, "SHOW": off - this, "HIDE": off | this, "ONLY": every - this}
        switch_photos(collection, switched[self.action])
