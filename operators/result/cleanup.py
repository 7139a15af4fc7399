"""Flaws of a reconstruction that is in the scene: found in a worker, kept as attributes of its points."""

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...core.flaws import count_flaws
from ...core.jobs.job import log_file
from ...core.reconstruction.result import Reconstruction
from ..jobs.folder_worker import FolderWorkerOperator
from ..scene.cleanup import take_flaws
from ..scene.found_again import Place, collection_again
from ..scene.reading import active_reconstruction, read_reconstruction
from ..scene.shared import check_own
from .on_reconstruction import OnReconstruction


class DUST3R_OT_find_flaws(OnReconstruction, FolderWorkerOperator, bpy.types.Operator):
    """Look for floaters, sky, flying pixels and outliers anew: all points stay, and switches hide them"""

    bl_idname = "dust3r.find_flaws"
    bl_label = "Find Flaws"
    bl_options = {"UNDO"}

    purpose = "cleanup"
    _collection: Place

    def take(self, context: bpy.types.Context, result: Path) -> None:
        collection = collection_again(self._collection)
        searched = Reconstruction.load(result)
        take_flaws(collection, searched)
        self.report({"INFO"}, rpt_("Points found: {}").format(count_flaws(view.flaws for view in searched.views)))

    def begin(self, context: bpy.types.Context) -> None:
        collection = active_reconstruction(context)
        check_own(collection)
        self._collection = Place.of(collection)
        read_reconstruction(collection).save(self._folder)
        self.start(context, ["clean", str(self._folder)], rpt_("Finding flaws"), log_file(self._folder))
