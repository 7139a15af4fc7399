"""Give back the space that earlier runs take."""

from typing import Any

import bpy

from ...core.jobs import workspace as job_folders
from ...core.jobs.disk_cache import clear
from ..jobs.running import IdleOperator
from ..reporting import reports_errors
from .preferences import cache_folder, forget_cache_size, scene_jobs


class DUST3R_OT_clear_cache(IdleOperator, bpy.types.Operator):
    """Remove what the network said of earlier photos; results stay, the next reconstruction takes its whole time"""

    bl_idname = "dust3r.clear_cache"
    bl_label = "Clear Cache"

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        clear(cache_folder())
        job_folders.clear(scene_jobs())
        forget_cache_size()
        return {"FINISHED"}
