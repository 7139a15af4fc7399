"""Click a pixel of the photo that is looked through: its point gets the 3D cursor, and a mark in the other photos."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import FloatVectorProperty, StringProperty

from ...core.errors import InputError
from ..reporting import reports_errors
from ..scene.cameras import VIEW_INDEX, pixel_of_direction
from ..scene.marks import MARKS, clear_marks, mark_point
from ..scene.reading import find_collection, photo_cameras
from .look_through_photo import find_camera, look_from

NAVIGATION = ("MIDDLEMOUSE", "WHEEL", "TRACKPAD", "NDOF", "MOUSEMOVE", "INBETWEEN_MOUSEMOVE", "TIMER")


class DUST3R_OT_camera_ray(bpy.types.Operator):
    """Click a pixel of the photo: the 3D cursor goes to its point, which is marked in the other photos that show it"""

    bl_idname = "dust3r.camera_ray"
    bl_label = "Mark Point in Photos"
    bl_options = {"REGISTER", "UNDO"}

    photo: StringProperty(
        name="Photo", description="Name of the camera; none: the active one", default="", options={"SKIP_SAVE"}
    )
    pixel: FloatVectorProperty(
        name="Pixel",
        description="Of the upright photo, from its top-left corner",
        size=2,
        min=0,
        precision=1,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        collection = find_collection(context)
        if collection is None or not photo_cameras(collection):
            cls.poll_message_set(tip_("Reconstruct some photos first"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        """Look through a photo if none is, and wait for the click."""
        if not isinstance(context.space_data, bpy.types.SpaceView3D) or context.window is None:
            return self.execute(context)
        if _camera_looked_through(context) is None:
            look_from(context, find_camera(context))
        context.window.cursor_modal_set("CROSSHAIR")
        context.workspace.status_text_set(tip_("Click a point of the photo; right-click or Esc to stop"))
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            return self._end(context, {"CANCELLED"})
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return {"PASS_THROUGH"} if event.type.startswith(NAVIGATION) else {"RUNNING_MODAL"}
        camera, region = _camera_looked_through(context), _region_under(context.area, event)
        if camera is None or region is None:
            return self._end(context, {"CANCELLED", "PASS_THROUGH"})
        self.photo, self.pixel = camera.name, _pixel(context, region, camera, event)
        return self._end(context, self.execute(context))

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        seen, hidden = self._mark(context)
        self.report({"INFO"}, rpt_("Photos that show the point: {}; that hide it: {}").format(seen, hidden))
        return {"FINISHED"}

    def _mark(self, context: bpy.types.Context) -> tuple[int, int]:
        """How many photos show the point, and in how many something is in front of it; raises ReconstructionError."""
        collection, camera = find_collection(context), find_camera(context, self.photo)
        if collection is None or collection.objects.get(camera.name) is None:
            raise InputError(f"{camera.name!r} is of another reconstruction; select one of its objects first")
        place, found = mark_point(collection, camera[VIEW_INDEX], (self.pixel[0], self.pixel[1]))
        context.scene.cursor.location = place
        seen = sum(one.visible for one in found)
        return seen, len(found) - seen

    def _end(self, context: bpy.types.Context, result: set[Any]) -> set[Any]:
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        return result


class DUST3R_OT_clear_marks(bpy.types.Operator):
    """Remove the marks of Mark Point in Photos; the 3D cursor stays"""

    bl_idname = "dust3r.clear_marks"
    bl_label = "Clear Marks"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        collection = find_collection(context)
        if collection is None or not any(MARKS in child for child in collection.children):
            cls.poll_message_set(tip_("There are no marks"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        collection = find_collection(context)
        if collection is not None:
            clear_marks(collection)
        return {"FINISHED"}


def _camera_looked_through(context: bpy.types.Context) -> bpy.types.Object | None:
    """The photo camera whose view the viewport shows; None when it shows none."""
    space, collection = context.space_data, find_collection(context)
    if not isinstance(space, bpy.types.SpaceView3D) or space.region_3d is None or collection is None:
        return None
    camera = space.camera if space.use_local_camera else context.scene.camera
    looking = space.region_3d.view_perspective == "CAMERA" and camera in photo_cameras(collection)
    return camera if looking else None


def _region_under(area: bpy.types.Area, event: bpy.types.Event) -> bpy.types.Region | None:
    """The viewport's picture where the mouse is on it; None on a header, the sidebar or outside."""
    under = [
        region
        for region in area.regions
        if 0 <= event.mouse_x - region.x < region.width and 0 <= event.mouse_y - region.y < region.height
    ]
    on_picture = [region.type for region in under if region.type not in {"HUD", "ASSET_SHELF"}] == ["WINDOW"]
    return under[0] if on_picture else None


def _pixel(
    context: bpy.types.Context, region: bpy.types.Region, camera: bpy.types.Object, event: bpy.types.Event
) -> tuple[float, float]:
    from bpy_extras.view3d_utils import region_2d_to_vector_3d

    place = (event.mouse_x - region.x + 0.5, event.mouse_y - region.y + 0.5)
    return pixel_of_direction(camera, region_2d_to_vector_3d(region, context.space_data.region_3d, place))
