"""The form of operators that write down for a worker what it works on."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import ReconstructionError
from ..addon.preferences import user_folder
from .running import WorkerOperator


class FolderWorkerOperator(WorkerOperator):
    """A worker in a folder that goes when it ends. Subclasses fill the folder and start the worker in `begin`."""

    purpose: str  # in the folder's name
    _folder: Path

    def begin(self, context: bpy.types.Context) -> None:
        """Write what the worker needs into the folder and start it; raises ReconstructionError."""
        raise AssertionError("every FolderWorkerOperator begins its work")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._folder = Path(tempfile.mkdtemp(prefix=f"{self.purpose}-", dir=user_folder("jobs")))
        try:
            self.begin(context)
        except ReconstructionError as error:
            self.tidy(failed=True)
            self._report("ERROR", str(error))
            return {"CANCELLED"}
        return self.finish(context) if bpy.app.background else self.watch(context)

    def tidy(self, failed: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
