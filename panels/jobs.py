"""What is being worked on, and what was interrupted."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_


def draw_job(layout: bpy.types.UILayout, job: Any) -> None:
    """How far the running job is, and the way to end it."""
    column = layout.column()
    column.label(text=job.title)
    column.progress(factor=job.share, text=f"{job.share:.0%}  {job.left}")
    column.label(text=job.stage)
    if job.photos:
        column.label(text=job.photos, icon="IMAGE_DATA")
    column.operator("dust3r.cancel", icon="X")


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
