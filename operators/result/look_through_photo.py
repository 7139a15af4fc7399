"""See the scene as a photo saw it, judge the fit, go from photo to photo, and come back."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import EnumProperty, StringProperty

from ...core.errors import InputError
from ..addon.properties import settings_of
from ..reporting import reports_errors
from ..scene.arrival import select_alone
from ..scene.cameras import PHOTO, SIZE, camera_data
from ..scene.photo_visibility import show_points_of
from ..scene.reading import find_collection, photo_cameras, reconstructions
from ..scene.remembered_view import hide_other_cameras, is_remembered, remember_view, restore_view
from ..scene.viewpoints import fit_camera_view, look_through


class PhotoViewOperator:
    """An operator for when there are photos to look through."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not _is_camera(context.object) and not _cameras(context):
            cls.poll_message_set(tip_("Reconstruct some photos first"))  # type: ignore[attr-defined]
            return False
        return True


class DUST3R_OT_look_through_photo(PhotoViewOperator, bpy.types.Operator):
    """Look through the active photo's camera, else the scene's, at the photo's own resolution"""

    bl_idname = "dust3r.look_through_photo"
    bl_label = "Look Through Photo"
    bl_options = {"REGISTER", "UNDO"}

    photo: StringProperty(
        name="Photo", description="Name of the camera; none: the active one", default="", options={"SKIP_SAVE"}
    )

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        look_from(context, find_camera(context, self.photo))
        return {"FINISHED"}


class DUST3R_OT_next_photo(PhotoViewOperator, bpy.types.Operator):
    """Look through the photo after or before the one that is looked through; after the last comes the first"""

    bl_idname = "dust3r.next_photo"
    bl_label = "Next Photo"
    bl_options = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction",
        description="Which way through the photos",
        items=(("NEXT", "Next", "The photo after this one"), ("PREVIOUS", "Previous", "The photo before this one")),
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: Any) -> str:
        after = properties.direction == "NEXT"
        return (
            tip_("Look through the photo after this one") if after else tip_("Look through the photo before this one")
        )

    def execute(self, context: bpy.types.Context) -> set[Any]:
        cameras, camera = _cameras(context), context.scene.camera
        step = 1 if self.direction == "NEXT" else -1
        if not is_remembered(context.scene) or camera not in cameras:
            look_from(context, find_camera(context))  # the first press shows where one is
        else:
            look_from(context, cameras[(cameras.index(camera) + step) % len(cameras)])
        return {"FINISHED"}


class DUST3R_OT_leave_photo(bpy.types.Operator):
    """Go back to the view, the scene camera, the frame range and the render size from before the photos"""

    bl_idname = "dust3r.leave_photo"
    bl_label = "Leave Photo"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not is_remembered(context.scene):
            cls.poll_message_set(tip_("Look through a photo first"))
            return False
        return True

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        for collection in reconstructions(context.scene):
            show_points_of(collection, None)
        restore_view(context.scene)
        return {"FINISHED"}


def look_from(context: bpy.types.Context, camera: bpy.types.Object) -> None:
    """Look through a photo's camera, select it alone, and remember what was seen before all photos.

    Raises InputError when the object is not a camera of a reconstruction.
    """
    remember_view(context.scene)
    _keep_the_fit(context.scene.camera, camera)
    look_through(context, camera)
    hide_other_cameras(context.view_layer, camera)
    fit_camera_view(context.scene)
    collection = next((one for one in reconstructions(context.scene) if camera.name in one.objects), None)
    if collection is not None:
        show_points_of(collection, camera if settings_of(context.scene).only_its_points else None)
    # not where its collection is excluded, nor while another object is edited
    if camera.name in context.view_layer.objects and context.mode == "OBJECT":
        select_alone(context, [camera])  # the outline of selected points would lie on the photo


def _keep_the_fit(before: bpy.types.Object | None, after: bpy.types.Object) -> None:
    """The photo looked at next is as opaque as this one, and as much in front."""
    if before is None or not _is_camera(before) or not _is_camera(after):
        return
    shown, following = camera_data(before).background_images, camera_data(after).background_images
    if shown and following and not camera_data(after).library:
        following[0].alpha, following[0].display_depth = shown[0].alpha, shown[0].display_depth


def find_camera(context: bpy.types.Context, name: str = "") -> bpy.types.Object:
    """The photo camera of this name, else the active one, the scene's or the first; raises InputError without one.

    name: of the photo in the active reconstruction, or of any camera object.
    """
    cameras = _cameras(context)
    named = next((camera for camera in cameras if name == camera.get(PHOTO)), bpy.data.objects.get(name))
    camera = named if name else context.object
    if camera is not None and _is_camera(camera):
        return camera
    if name:
        raise InputError(f"{name!r} is no camera of a reconstruction; name one that DUSt3R made")
    if not cameras:
        raise InputError("There is no photo to look through; reconstruct some photos first")
    return next((camera for camera in cameras if camera == context.scene.camera), cameras[0])


def _cameras(context: bpy.types.Context) -> list[Any]:
    collection = find_collection(context)
    return photo_cameras(collection) if collection else []


def _is_camera(thing: Any) -> bool:
    return thing is not None and thing.type == "CAMERA" and SIZE in thing
