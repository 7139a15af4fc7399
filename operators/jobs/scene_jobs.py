"""Where the jobs of a scene lie: in a folder of the extension's own, by file and scene, which outlives Blender."""

from pathlib import Path
from typing import Any

import bpy

from ...core.jobs import workspace as job_folders
from ...core.jobs.workspace import Begun, Lease
from ..addon.preferences import scene_jobs

_file_before = ""  # the open file's path before it was saved


def take_folder(scene: bpy.types.Scene) -> Lease:
    """A scene's job folder, nobody else's until it is released; raises InputError where there can be none."""
    return job_folders.take_folder(scene_jobs(), bpy.data.filepath, scene.name)


def interrupted_folder(scene: bpy.types.Scene) -> Path | None:
    """The job folder of a scene whose job was begun and never ended, though nobody is at it."""
    return job_folders.interrupted(scene_jobs(), bpy.data.filepath, scene.name)


def interrupted_job(scene: bpy.types.Scene) -> Begun | None:
    """What was begun there."""
    folder = interrupted_folder(scene)
    return Begun.load(folder) if folder else None


@bpy.app.handlers.persistent
def note_file(*_: Any) -> None:
    """For save_pre."""
    global _file_before
    _file_before = bpy.data.filepath


@bpy.app.handlers.persistent
def follow_file(*_: Any) -> None:
    """For save_post: the jobs of a file that was never saved before are the saved one's."""
    if bpy.data.filepath and not _file_before:
        for scene in bpy.data.scenes:
            job_folders.move(scene_jobs(), ("", scene.name), (bpy.data.filepath, scene.name))


def register() -> None:
    """From now on."""
    bpy.app.handlers.save_pre.append(note_file)
    bpy.app.handlers.save_post.append(follow_file)


def unregister() -> None:
    """Folders stay."""
    bpy.app.handlers.save_pre.remove(note_file)
    bpy.app.handlers.save_post.remove(follow_file)
