"""How good a reconstruction is, measured anew."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ..reporting import reports_errors
from ..scene.reading import active_reconstruction, read_reconstruction
from ..scene.statistics import keep_statistics
from .on_reconstruction import OnReconstruction


class DUST3R_OT_update_statistics(OnReconstruction, bpy.types.Operator):
    """Measure the points that are shown now: confidence, how far photos agree, and which are weak"""

    bl_idname = "dust3r.update_statistics"
    bl_label = "Update Statistics"
    bl_options = {"REGISTER", "UNDO"}

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        collection = active_reconstruction(context)
        found = keep_statistics(collection, read_reconstruction(collection))
        self.report({"INFO"}, ". ".join(found.summary(rpt_)))
        return {"FINISHED"}
