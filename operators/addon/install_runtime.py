"""An environment of the extension's own for the worker, with the torch that fits the machine: one button."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import EnumProperty, StringProperty

from ...core.runtime import install
from ..jobs.running import IdleOperator, WorkerOperator
from ..reporting import reports_errors
from .preferences import choose_python, installed_runtime, user_folder

FITTING = "AUTO"
BUILDS = [
    (FITTING, "For This Machine", "NVIDIA's or AMD's cards where there is one, else the processor"),
    *((build, build, f"For {install.title(build)}") for build in install.BUILDS),
]


class _RuntimeOperator(WorkerOperator):
    """Work on that environment in Blender's own Python, whatever the worker uses otherwise."""

    own_python = True
    _goes_on = False  # whether the next operator needs what this one has begun

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set(tip_("Blender is offline: allow online access in Preferences, System"))  # type: ignore[attr-defined]
            return False
        return super().poll(context)

    def tidy(self, failed: bool) -> None:
        if not self._goes_on:
            install.forget_unfinished(installed_runtime())

    def _work(self, context: bpy.types.Context, arguments: list[str], title: str) -> set[Any]:
        self.start(context, ["runtime", *arguments], title, user_folder("logs") / "install.txt")
        return self.finish(context) if bpy.app.background else self.watch(context)


class DUST3R_OT_prepare_runtime(_RuntimeOperator, bpy.types.Operator):
    """Choose the packages that use this machine's graphics card; shows their size before they are downloaded"""

    bl_idname = "dust3r.prepare_runtime"
    bl_label = "Install Runtime"

    build: EnumProperty(name="Build", description="Which torch to install", items=BUILDS, default=FITTING)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.prop(self, "build")
        column.label(text="From pypi.org and download.pytorch.org", icon="INFO")
        column.label(text="Their size is shown next, before they are downloaded")

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        arguments = ["--prepare", str(installed_runtime())]
        arguments += [] if self.build == FITTING else ["--torch", self.build]
        return self._work(context, arguments, rpt_("Choosing packages"))

    def take(self, context: bpy.types.Context, result: Path) -> None:
        plan = install.prepared(installed_runtime())
        self._goes_on = True
        self.report({"INFO"}, plan.text)
        if not bpy.app.background:
            bpy.ops.dust3r.install_runtime("INVOKE_DEFAULT", plan=plan.text)  # pyright: ignore[reportAttributeAccessIssue]


class DUST3R_OT_install_runtime(_RuntimeOperator, bpy.types.Operator):
    """Download what was chosen, test it, and let the worker use it"""

    bl_idname = "dust3r.install_runtime"
    bl_label = "Download Runtime"

    plan: StringProperty(name="Plan", description="What the dialog says of it", options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self, width=520)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.label(text=self.plan, icon="INFO", translate=False)
        column.label(text=str(installed_runtime()), translate=False)

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        return self._work(context, ["--install", str(installed_runtime())], rpt_("Installing the runtime"))

    def take(self, context: bpy.types.Context, result: Path) -> None:
        choose_python(context, result)
        self.report({"INFO"}, rpt_("The runtime is installed"))


class DUST3R_OT_remove_runtime(IdleOperator, bpy.types.Operator):
    """Delete the installed environment; the worker uses Blender's own Python again"""

    bl_idname = "dust3r.remove_runtime"
    bl_label = "Remove Runtime"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_confirm(self, event)

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        install.remove_environment(installed_runtime())
        choose_python(context, None)
        return {"FINISHED"}
