"""What the worker's Python has: looked at by a worker, so that Blender itself never imports torch for it."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty

from ...core.errors import ReconstructionError
from ...core.runtime.probe import Runtime
from ..jobs.running import WorkerOperator
from .found_runtime import Finding, remember
from .preferences import user_folder, worker_python
from .properties import settings_of


class DUST3R_OT_check_runtime(WorkerOperator, bpy.types.Operator):
    """Find out which Python, torch and devices the work is done with; where one does not fit, why"""

    bl_idname = "dust3r.check_runtime"
    bl_label = "Check Runtime"

    self_test: BoolProperty(
        name="Self-Test",
        description="Run the bundled model on two small images and compare with what it should say",
        options={"SKIP_SAVE"},
    )

    _python: str | None

    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._python = worker_python(context)
        arguments = ["runtime", "--output", str(user_folder("logs") / "runtime.json"), "--overwrite"]
        if self.self_test:
            arguments += ["--self-test", "--device", settings_of(context.scene).device]
        try:
            self.start(context, arguments, rpt_("Checking the runtime"), user_folder("logs") / "runtime.txt")
        except ReconstructionError as error:
            self._report("ERROR", str(error))
            return {"CANCELLED"}
        return self.finish(context) if bpy.app.background else self.watch(context)

    def take(self, context: bpy.types.Context, result: Path) -> None:
        runtime = Runtime.load(result)
        remember(Finding(self._python, runtime))
        self.report({"INFO"}, runtime.self_test.text if runtime.self_test else runtime.devices[0].text)

    def _report(self, level: str, text: str) -> None:
        if level == "ERROR":
            remember(Finding(self._python, None, text))
        super()._report(level, text)
