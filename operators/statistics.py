"""How good a reconstruction is, measured anew."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip_

from ..core.errors import InputError
from .scene.reading import find_collection, read_reconstruction
from .scene.statistics import keep_statistics


class DUST3R_OT_update_statistics(bpy.types.Operator):
    """Measure the points that are shown now: confidence, how far photos agree, and which are weak"""

    bl_idname = "dust3r.update_statistics"
    bl_label = "Update Statistics"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if find_collection(context) is None:
            cls.poll_message_set(tip_("Reconstruct some photos first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        collection = find_collection(context)
        try:
            if collection is None:
                raise InputError("There is no reconstruction in this scene; reconstruct some photos first")
            found = keep_statistics(collection, read_reconstruction(collection))
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, ". ".join(found.summary()))
        return {"FINISHED"}
