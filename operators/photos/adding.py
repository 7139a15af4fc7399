"""Photos into the list, from files, folders, the clipboard and the images of this .blend, and off it again."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import CollectionProperty, EnumProperty, StringProperty

from ...core.errors import InputError
from ...core.images.reader import SUFFIXES
from ...core.images.video import is_movie
from ..addon.properties import settings_of
from ..reporting import reports_errors
from ..scene.loaded_images import image_file, loaded_photos
from .clipboard import paths_in
from .extracted import extracted_folder
from .listing import PhotoListOperator, add_to_list, chosen_rows, photo_count

# how Blender's file browser shows files, with its own numbers
DISPLAY_TYPES = (
    ("DEFAULT", "Default", "As it was", 0),
    ("LIST_VERTICAL", "Vertical List", "A list", 1),
    ("LIST_HORIZONTAL", "Horizontal List", "A list in columns", 2),
    ("THUMBNAIL", "Thumbnails", "The pictures themselves", 3),
)


class DUST3R_OT_add_photos(bpy.types.Operator):
    """Choose photo files, or open a folder and choose none to add all of its photos"""

    bl_idname = "dust3r.add_photos"
    bl_label = "Add Photos"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(
        name="Directory",
        description="The folder of the files; alone: all its photos",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in sorted(SUFFIXES)), options={"HIDDEN"})
    display_type: EnumProperty(items=DISPLAY_TYPES, default="THUMBNAIL", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if self.files:  # dropped
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        folder = Path(bpy.path.abspath(self.directory))
        chosen = [folder / file.name for file in self.files if file.name]
        return _add(self, context, chosen or ([folder] if self.directory else []))


class DUST3R_OT_paste_photos(bpy.types.Operator):
    """Add the photos, folders or the movie whose paths were copied: one a line, also quoted or as file://"""

    bl_idname = "dust3r.paste_photos"
    bl_label = "Paste Photos"
    bl_options = {"REGISTER", "UNDO"}

    text: StringProperty(
        name="Text", description="The paths; empty: what the clipboard holds", options={"SKIP_SAVE", "HIDDEN"}
    )

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        paths = paths_in(self.text or context.window_manager.clipboard)
        if len(paths) == 1 and is_movie(paths[0]):
            call = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
            return getattr(bpy.ops, "dust3r").add_movie_frames(call, filepath=str(paths[0]))  # noqa: B009
        return _add(self, context, paths)


class DUST3R_OT_add_loaded_images(bpy.types.Operator):
    """Add images that this .blend has loaded, packed ones too; a file of a packed image is made for it"""

    bl_idname = "dust3r.add_loaded_images"
    bl_label = "Add Loaded Images"
    bl_options = {"REGISTER", "UNDO"}

    image: StringProperty(name="Image", description="One of this file's images; empty: all of them")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not loaded_photos():
            cls.poll_message_set(tip_("This file has no loaded image"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop_search(self, "image", bpy.data, "images")

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        folder = extracted_folder() / "images"
        files = [image_file(image, folder) for image in self._images()]
        return _add(self, context, files)

    def _images(self) -> list[bpy.types.Image]:
        """Raises InputError where there is no such image."""
        if not self.image:
            return loaded_photos()
        image = bpy.data.images.get(self.image)
        if image is None:
            raise InputError(f"This file has no image {self.image!r}; choose another")
        return [image]


class DUST3R_OT_remove_photo(PhotoListOperator, bpy.types.Operator):
    """Take the active photo, or the selected ones, off the list; the files stay"""

    bl_idname = "dust3r.remove_photo"
    bl_label = "Remove Photo"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        settings = settings_of(context.scene)
        for number in reversed(chosen_rows(settings)):
            settings.photos.remove(number)
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


def _add(operator: bpy.types.Operator, context: bpy.types.Context, paths: list[Path]) -> set[Any]:
    try:
        new = add_to_list(context.scene, paths)
    except InputError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    broken = [photo.name for photo in settings_of(context.scene).photos if photo.facts is None]
    if broken:
        operator.report(
            {"WARNING"}, rpt_("{} cannot be read: {}").format(photo_count(len(broken)), ", ".join(broken[:3]))
        )
    operator.report({"INFO"}, rpt_("{} added").format(photo_count(new)))
    return {"FINISHED"}
