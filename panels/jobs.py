"""What is being worked on, and what was interrupted."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .base import draw_text

PROBLEM_WIDTH = 30  # characters that fit beside the icon and the cross


def draw_job(layout: bpy.types.UILayout, job: Any) -> None:
    """How far the running job is, and the way to end it."""
    column = layout.column()
    column.label(text=job.title)
    column.progress(factor=job.share, text=f"{job.share:.0%}  {job.left}")
    column.label(text=job.stage)
    if job.photos:
        column.label(text=job.photos, icon="IMAGE_DATA")
    column.operator("dust3r.cancel", icon="X")


def draw_status(header: Any, context: bpy.types.Context) -> None:
    """How far the running job is, in one line of the status bar."""
    job: Any = context.window_manager.dust3r_job
    row = header.layout.row(align=True)
    row.label(text=f"DUSt3R: {job.title}, {job.stage}", translate=False)
    row.progress(factor=job.share, text=f"{job.share:.0%}  {job.left}")
    row.operator("dust3r.cancel", text="", icon="X")


class RunningPanel:
    """In the sidebar's other tabs, while a job runs. To be inherited beside bpy.types.Panel."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_label = "DUSt3R"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        job: Any = context.window_manager.dust3r_job
        return job.running

    def draw(self, context: bpy.types.Context) -> None:
        layout: Any = getattr(self, "layout")  # noqa: B009  Blender's Panel has it
        draw_job(layout, context.window_manager.dust3r_job)


class DUST3R_PT_running_item(RunningPanel, bpy.types.Panel):
    """While a job runs."""

    bl_category = "Item"


class DUST3R_PT_running_tool(RunningPanel, bpy.types.Panel):
    """While a job runs."""

    bl_category = "Tool"


class DUST3R_PT_running_view(RunningPanel, bpy.types.Panel):
    """While a job runs."""

    bl_category = "View"


RUNNING_PANELS = (DUST3R_PT_running_item, DUST3R_PT_running_tool, DUST3R_PT_running_view)


def draw_problem(layout: bpy.types.UILayout, job: Any) -> None:
    """Why the last job failed, until somebody dismisses it; nothing where it did not."""
    if not job.problem:
        return
    row = layout.box().row()
    column = row.column()
    column.alert = True
    draw_text(column, job.problem, "ERROR", PROBLEM_WIDTH)
    row.operator("dust3r.dismiss", text="", icon="X", emboss=False).what = "JOB"


def draw_interrupted(layout: bpy.types.UILayout, job: Any) -> None:
    """The offer to go on with what was interrupted; nothing where there is none."""
    begun = job.interrupted
    if begun is None:
        return
    box = layout.box()
    box.label(text=iface_("Interrupted: {} photos").format(begun.photos), icon="ERROR")
    row = box.row(align=True)
    row.operator("dust3r.resume", icon="PLAY")
    row.operator("dust3r.discard", icon="TRASH")
