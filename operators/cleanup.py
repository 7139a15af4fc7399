"""Flaws of a reconstruction that is in the scene: found in a worker, kept as attributes of its points."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_

from ..core.cleanup.flaws import count_flaws
from ..core.errors import ReconstructionError
from ..core.job import log_file
from ..core.reconstruction import Reconstruction
from .preferences import user_folder
from .running import WorkerOperator
from .scene.cleanup import take_flaws
from .scene.reading import find_collection, read_reconstruction
from .scene.shared import check_own


class DUST3R_OT_find_flaws(WorkerOperator, bpy.types.Operator):
    """Look for floaters, sky, flying pixels and outliers anew: all points stay, and switches hide them"""

    bl_idname = "dust3r.find_flaws"
    bl_label = "Find Flaws"
    bl_options = {"UNDO"}

    _folder: Path
    _collection: str

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if find_collection(context) is None:
            cls.poll_message_set(tip_("Reconstruct some photos first"))
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._folder = Path(tempfile.mkdtemp(prefix="cleanup-", dir=user_folder("jobs")))
        try:
            self._prepare(context)
            self.start(context, ["clean", str(self._folder)], rpt_("Finding flaws"), log_file(self._folder))
        except ReconstructionError as error:
            self.tidy(failed=True)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return self.finish(context) if bpy.app.background else self.watch(context)

    def take(self, context: bpy.types.Context, result: Path) -> None:
        collection = bpy.data.collections.get(self._collection)
        if collection is None:
            raise ReconstructionError(f"The reconstruction {self._collection} is gone; choose another and try again")
        searched = Reconstruction.load(result)
        take_flaws(collection, searched)
        self.report({"INFO"}, rpt_("Points found: {}").format(count_flaws(view.flaws for view in searched.views)))

    def tidy(self, failed: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self, context: bpy.types.Context) -> None:
        """Write the reconstruction down for the worker; raises ReconstructionError."""
        collection = find_collection(context)
        if collection is None:
            raise ReconstructionError("There is no reconstruction in this scene; reconstruct some photos first")
        check_own(collection)
        self._collection = collection.name
        read_reconstruction(collection).save(self._folder)
