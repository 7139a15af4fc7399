"""A job that was interrupted, by a crash or a quit: go on with it, or let it be."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip_

from ...core.errors import InputError, ReconstructionError
from ...core.jobs import workspace as job_folders
from ...core.jobs.job import Job
from ...core.jobs.workspace import Begun, Lease
from ..addon.properties import settings_of
from ..photos.listing import add_to_list
from ..reporting import reports_errors
from .reconstruction_job import ReconstructionJob
from .running import IdleOperator
from .scene_jobs import interrupted_folder


class _ForInterrupted(IdleOperator):
    """Is off where the scene has no interrupted job."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not IdleOperator.poll.__func__(cls, context):  # type: ignore[attr-defined]
            return False
        if interrupted_folder(context.scene) is None:
            cls.poll_message_set(tip_("No reconstruction of this scene was interrupted"))  # type: ignore[attr-defined]
            return False
        return True


class DUST3R_OT_resume(_ForInterrupted, ReconstructionJob, bpy.types.Operator):
    """Go on with the reconstruction that was interrupted, with its photos and settings; what was done stays done"""

    bl_idname = "dust3r.resume"
    bl_label = "Resume"
    bl_options = {"UNDO"}

    def prepare(self, context: bpy.types.Context) -> tuple[Lease, Begun]:
        lease, begun = _take_interrupted(context)
        try:
            photos = Job.load(lease.folder).photos
            if not settings_of(context.scene).photos:  # a list that was never saved
                add_to_list(context.scene, photos)
        except ReconstructionError:
            lease.release()
            raise
        return lease, begun


class DUST3R_OT_discard(_ForInterrupted, bpy.types.Operator):
    """Forget the reconstruction that was interrupted; what the model said of its photos stays in the cache"""

    bl_idname = "dust3r.discard"
    bl_label = "Discard"

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        lease, _ = _take_interrupted(context)
        job_folders.end(lease.folder)
        lease.release()
        return {"FINISHED"}


def _take_interrupted(context: bpy.types.Context) -> tuple[Lease, Begun]:
    """The folder of the scene's interrupted job and what was begun there; raises InputError when there is none."""
    folder = interrupted_folder(context.scene)
    lease, begun = (Lease.of(folder), Begun.load(folder)) if folder else (None, None)
    if lease is None or begun is None:
        raise InputError(f"No reconstruction of the scene {context.scene.name} was interrupted; start a new one")
    return lease, begun
