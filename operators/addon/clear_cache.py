"""Give back the space that earlier runs take."""

from typing import Any

import bpy

from ...core.errors import ReconstructionError
from ...core.jobs import workspace as job_folders
from ...core.jobs.disk_cache import clear
from ..jobs.running import IdleOperator
from .preferences import cache_folder, forget_cache_size, scene_jobs


class DUST3R_OT_clear_cache(IdleOperator, bpy.types.Operator):
    """Remove what the network said of earlier photos; results stay, the next reconstruction takes its whole time"""

    bl_idname = "dust3r.clear_cache"
    bl_label = "Clear Cache"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        try:
            clear(cache_folder())
            job_folders.clear(scene_jobs())
        except ReconstructionError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        forget_cache_size()
        return {"FINISHED"}
