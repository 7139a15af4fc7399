"""See the scene as a photo saw it."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip_

from .scene.cameras import SIZE
from .scene.viewpoints import look_through


class DUST3R_OT_look_through_photo(bpy.types.Operator):
    """Look through the active photo's camera, at the photo's own resolution"""

    bl_idname = "dust3r.look_through_photo"
    bl_label = "Look Through Photo"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.object is None or context.object.type != "CAMERA" or SIZE not in context.object:
            cls.poll_message_set(tip_("Select a camera that a reconstruction made"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        if context.object is not None:
            look_through(context, context.object)
        return {"FINISHED"}
