"""What is known of the listed photos' cameras: taken from cameras in the scene or from a file, and forgotten again."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...core.cameras.priors import KnownCamera, Part, read_known
from ...core.errors import InputError
from ..addon.properties import settings_of
from ..reporting import reports_errors
from ..scene.known import known_camera, photo_of
from .listing import PhotoListOperator
from .properties import DUST3R_PG_photo


class _Pinning(PhotoListOperator):
    """Stores what is known of photos in their entries of the list, all or nothing."""

    part: EnumProperty(
        name="Keep",
        description="What a reconstruction has to keep as it is",
        items=(
            ("both", "Pose and Lens", "Where the photo was taken, its focal length and optical center"),
            ("pose", "Pose", "Where the photo was taken"),
            ("lens", "Lens", "Focal length and optical center"),
        ),
        default="both",
    )

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        photos = {photo.absolute.resolve(): photo for photo in settings_of(context.scene).photos}
        found = self.find(context, photos)
        for path, camera in found.items():
            photos[path].known_camera = photos[path].known_camera.joined(camera)
        self.report({"INFO"}, f"Cameras of {len(found)} photos are known")  # type: ignore[attr-defined]
        return {"FINISHED"}

    def find(self, context: bpy.types.Context, photos: dict[Path, DUST3R_PG_photo]) -> dict[Path, KnownCamera]:
        """By resolved photo of the list; raises InputError for what cannot be used."""
        raise AssertionError("every pinning operator finds cameras")


class DUST3R_OT_use_as_known(_Pinning, bpy.types.Operator):
    """Keep the selected cameras as they are: the next reconstruction of their photos is built around them"""

    bl_idname = "dust3r.use_as_known"
    bl_label = "Use as Known"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not _cameras(context):
            cls.poll_message_set(tip_("Select cameras whose photos are in the list"))
            return False
        return super().poll(context)

    def find(self, context: bpy.types.Context, photos: dict[Path, DUST3R_PG_photo]) -> dict[Path, KnownCamera]:
        context.view_layer.update()
        part: Part = self.part
        found: dict[Path, KnownCamera] = {}
        for camera in _cameras(context):
            photo = photo_of(camera)
            if photo is None:
                raise InputError(f"{camera.name!r} shows no photo file; give it one as its background image")
            if photo.resolve() not in photos:
                raise InputError(f"{camera.name!r} shows {photo}, which is not in the list of photos; add it there")
            if photo.resolve() in found:
                raise InputError(f"Two of the selected cameras show {photo.name}; select one of them")
            found[photo.resolve()] = known_camera(camera, photo, part)
        return found


class DUST3R_OT_read_known(_Pinning, bpy.types.Operator):
    """Keep the cameras of a cameras.json as they are, such as those of an earlier run"""

    bl_idname = "dust3r.read_known"
    bl_label = "Read Known Cameras"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="File", description="A cameras.json", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def find(self, context: bpy.types.Context, photos: dict[Path, DUST3R_PG_photo]) -> dict[Path, KnownCamera]:
        return read_known(Path(bpy.path.abspath(self.filepath)), list(photos), self.part)


class DUST3R_OT_forget_known(PhotoListOperator, bpy.types.Operator):
    """Let the next reconstruction find the active photo's camera by itself"""

    bl_idname = "dust3r.forget_known"
    bl_label = "Forget Known"
    bl_options = {"REGISTER", "UNDO"}

    everything: BoolProperty(name="All Photos", description="Of all photos, not only the active one", default=False)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(photo.known for photo in settings_of(context.scene).photos):
            cls.poll_message_set(tip_("Nothing is known of any photo's camera"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        settings = settings_of(context.scene)
        active = settings.active_photo
        for photo in settings.photos if self.everything else settings.photos[active : active + 1]:
            photo.known = ""
        return {"FINISHED"}


def _cameras(context: bpy.types.Context) -> list[bpy.types.Object]:
    return [thing for thing in context.selected_objects if thing.type == "CAMERA"]
