"""Which of several results is worked on, and putting away what its run warned of."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import EnumProperty, StringProperty

from ...core.errors import InputError
from ..addon.properties import job_state
from ..reporting import reports_errors
from ..scene.arrival import select_alone
from ..scene.meshes import mesh_objects
from ..scene.reading import active_reconstruction, find_collection, find_points, reconstructions
from ..scene.results import shown_kind
from ..scene.warnings import dismiss_warnings, read_warnings
from .on_reconstruction import OnReconstruction


class DUST3R_OT_choose_result(OnReconstruction, bpy.types.Operator):
    """Work on this result: its points or its mesh become the selection"""

    bl_idname = "dust3r.choose_result"
    bl_label = "Choose Result"
    bl_options = {"REGISTER", "UNDO"}

    result: StringProperty(
        name="Result", description="Name of its collection; none: the latest", default="", options={"SKIP_SAVE"}
    )

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        ours = reconstructions(context.scene)
        chosen = next((one for one in ours if one.name == self.result), None) if self.result else ours[-1]
        if chosen is None:
            raise InputError(f"{self.result!r} is no result in this scene; name one of its collections")
        things = [find_points(chosen)] if shown_kind(chosen) == "POINTS" else mesh_objects(chosen)
        present = [thing for thing in things if thing is not None and thing.name in context.view_layer.objects]
        if not present:
            raise InputError(f"{chosen.name!r} has no points in this view layer; include its collection")
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        select_alone(context, present)
        return {"FINISHED"}


class DUST3R_OT_dismiss(bpy.types.Operator):
    """Put the shown messages away"""

    bl_idname = "dust3r.dismiss"
    bl_label = "Dismiss"
    bl_options = {"REGISTER", "UNDO"}

    what: EnumProperty(
        name="What",
        description="Which messages",
        items=(
            ("RESULT", "Warnings", "Those of the run that made the active result"),
            ("JOB", "Error", "Why the last job failed"),
        ),
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        collection = find_collection(context)
        shown = job_state(context.window_manager).problem or (collection is not None and read_warnings(collection))
        if not shown:
            cls.poll_message_set(tip_("There is nothing to dismiss"))
        return bool(shown)

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        if self.what == "JOB":
            job_state(context.window_manager).problem = ""
        else:
            dismiss_warnings(active_reconstruction(context))
        return {"FINISHED"}
