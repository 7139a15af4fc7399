"""The photo list: add, remove, clear."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import CollectionProperty, StringProperty

from ..core.errors import InputError
from ..core.photos import SUFFIXES, find_photos
from .properties import settings_of


class DUST3R_OT_add_photos(bpy.types.Operator):
    """Choose photo files, or open a folder and choose none to add all of its photos"""

    bl_idname = "dust3r.add_photos"
    bl_label = "Add Photos"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in sorted(SUFFIXES)), options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        folder = Path(bpy.path.abspath(self.directory))
        chosen = [folder / file.name for file in self.files if file.name]
        try:
            found = find_photos(chosen or [folder])
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        photos = settings_of(context.scene).photos
        present = {photo.path for photo in photos}
        new = [str(path) for path in found if str(path) not in present]
        for path in new:
            item = photos.add()
            item.name, item.path = Path(path).name, path
        self.report({"INFO"}, f"{len(new)} photos added")
        return {"FINISHED"}


class PhotoListOperator:
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not settings_of(context.scene).photos:
            cls.poll_message_set("The list of photos is empty")  # type: ignore[attr-defined]
            return False
        return True


class DUST3R_OT_remove_photo(PhotoListOperator, bpy.types.Operator):
    """Take the active photo off the list; its file stays"""

    bl_idname = "dust3r.remove_photo"
    bl_label = "Remove Photo"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        settings = settings_of(context.scene)
        settings.photos.remove(settings.active_photo)
        settings.active_photo = max(0, min(settings.active_photo, len(settings.photos) - 1))
        return {"FINISHED"}


class DUST3R_OT_clear_photos(PhotoListOperator, bpy.types.Operator):
    """Empty the list of photos; their files stay"""

    bl_idname = "dust3r.clear_photos"
    bl_label = "Clear Photos"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        settings_of(context.scene).photos.clear()
        return {"FINISHED"}
