"""Files made for the list of photos: frames of movies, images out of .blend files. They last until they are cleared."""

import shutil
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ..addon.preferences import user_folder
from ..addon.properties import settings_of
from ..jobs.running import IdleOperator


def extracted_folder() -> Path:
    """Where they are, each movie and choice of frames in a folder of its own."""
    return user_folder("frames")


class DUST3R_OT_clear_frames(IdleOperator, bpy.types.Operator):
    """Remove extracted frames and images that this file does not use; other .blend files may still show them"""

    bl_idname = "dust3r.clear_frames"
    bl_label = "Clear Extracted Frames"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        used = {path.parent for path in _used_files()}
        freed = 0
        for folder in [folder for folder in extracted_folder().iterdir() if folder.is_dir()]:
            if folder.resolve() not in used:
                freed += folder_bytes(folder)
                shutil.rmtree(folder, ignore_errors=True)
        self.report({"INFO"}, rpt_("{:.0f} MB freed").format(freed / 1e6))
        return {"FINISHED"}


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _used_files() -> set[Path]:
    """Of the lists of all scenes and of the images of this file."""
    listed = {photo.absolute for scene in bpy.data.scenes for photo in settings_of(scene).photos}
    shown = {Path(bpy.path.abspath(image.filepath)) for image in bpy.data.images if image.filepath}
    return {path.resolve() for path in listed | shown}
