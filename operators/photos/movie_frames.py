"""Frames of a movie into the list of photos, and the choice of the photos of a long list that are worth keeping."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import EnumProperty, IntProperty, StringProperty

from ...core.errors import ReconstructionError
from ...core.images.keyframes import FrameChoice, choose_photos
from ...core.images.video import LISTING, MOVIE_SUFFIXES, ClipFrames, finished_frames, frames_folder_name
from ..addon.preferences import user_folder
from ..addon.properties import settings_of
from ..jobs.running import WorkerOperator
from ..jobs.second_blender import launcher
from ..scene.clip_frames import extract_frames
from ..scene.found_again import Place, scene_again
from .extracted import extracted_folder
from .listing import PhotoListOperator, add_to_list, photo_count, switched_on

DEFAULT = FrameChoice()


class FrameChoiceProperties:
    """core's FrameChoice as Blender properties."""

    way: EnumProperty(
        name="Choose",
        description="Which frames are taken",
        items=(
            ("auto", "Keyframes", "The sharpest at even distances of the camera's way"),
            ("every", "Every Nth", "At even distances of time"),
        ),
        default=DEFAULT.way,
    )
    number: IntProperty(
        name="Number", description="The most keyframes, or the step from frame to frame", default=DEFAULT.number, min=1
    )

    first: IntProperty(name="First", description="The first frame that is considered", default=DEFAULT.first, min=1)
    last: IntProperty(
        name="Last", description="The last frame that is considered; 0: to the end", default=DEFAULT.last, min=0
    )

    @property
    def choice(self) -> FrameChoice:
        """Raises InputError where the last frame is before the first."""
        return FrameChoice(self.way, self.number, self.first, self.last)

    def draw(self, context: bpy.types.Context) -> None:
        layout: bpy.types.UILayout = self.layout  # type: ignore[attr-defined]
        layout.use_property_split = True
        layout.prop(self, "way")
        layout.prop(self, "number", text="Maximum" if self.way == "auto" else "Step")
        column = layout.column(align=True)
        column.prop(self, "first", text="From Frame")
        column.prop(self, "last", text="To", text_ctxt="DUSt3R")


class DUST3R_OT_add_movie_frames(FrameChoiceProperties, WorkerOperator, bpy.types.Operator):
    """Add frames of a movie as photos: the sharpest along the camera's way, or every Nth"""

    bl_idname = "dust3r.add_movie_frames"
    bl_label = "Add Movie Frames"
    bl_options = {"UNDO"}

    filepath: StringProperty(name="Movie", description="The movie file", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in sorted(MOVIE_SUFFIXES)), options={"HIDDEN"})

    _folder: Path | None = None  # of the frames
    _scene: Place

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if self.filepath:  # dropped or pasted
            return context.window_manager.invoke_props_dialog(self)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        movie, self._scene = Path(bpy.path.abspath(self.filepath)), Place.of(context.scene)
        try:
            self._folder = folder = extracted_folder() / frames_folder_name(movie, self.choice)
            if finished_frames(folder, movie, self.choice) is None:
                if not bpy.app.background:
                    return self._begin(context, movie, folder)
                extract_frames(movie, folder, self.choice)
            self.take(context, folder)
        except ReconstructionError as error:
            self.tidy(failed=True)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def take(self, context: bpy.types.Context, result: Path) -> None:
        new = add_to_list(scene_again(self._scene), ClipFrames.load(result).files(result))
        self.report({"INFO"}, rpt_("{} added").format(photo_count(new)))

    def tidy(self, failed: bool) -> None:
        if self._folder is not None and not (self._folder / LISTING).is_file():  # cancelled or broken off
            shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, context: bpy.types.Context, movie: Path, folder: Path) -> set[Any]:
        """Another Blender decodes, so that this one stays free."""
        arguments = ["frames", str(movie), "--frames", str(self.choice), "--output", str(folder)]
        self.start(context, arguments, rpt_("Taking frames of {}").format(movie.name), _log(), launcher())
        return self.watch(context)


class DUST3R_OT_keep_keyframes(FrameChoiceProperties, PhotoListOperator, WorkerOperator, bpy.types.Operator):
    """Switch off the photos of a long sequence that add little: all but the sharpest along the camera's way"""

    bl_idname = "dust3r.keep_keyframes"
    bl_label = "Keep Keyframes"
    bl_options = {"UNDO"}

    _folder: Path
    _scene: Place

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and super(PhotoListOperator, cls).poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        photos, self._scene = [photo.absolute for photo in switched_on(context.scene)], Place.of(context.scene)
        self._folder = Path(tempfile.mkdtemp(prefix="keyframes-", dir=user_folder("jobs")))
        try:
            if not bpy.app.background:
                return self._begin(context, photos)
            self._keep(context.scene, choose_photos(photos, self.choice))
        except ReconstructionError as error:
            self.tidy(failed=True)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.tidy(failed=False)
        return {"FINISHED"}

    def take(self, context: bpy.types.Context, result: Path) -> None:
        self._keep(scene_again(self._scene), [Path(line) for line in result.read_text(encoding="utf-8").splitlines()])

    def tidy(self, failed: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, context: bpy.types.Context, photos: list[Path]) -> set[Any]:
        listing = self._folder / "photos.txt"
        listing.write_text("\n".join(map(str, photos)), encoding="utf-8")
        arguments = ["keyframes", "--list", str(listing), "--frames", str(self.choice)]
        arguments += ["--output", str(self._folder / "kept.txt")]
        self.start(context, arguments, rpt_("Looking at {}").format(photo_count(len(photos))), _log())
        return self.watch(context)

    def _keep(self, scene: bpy.types.Scene, kept: list[Path]) -> None:
        wanted = set(kept)
        for photo in settings_of(scene).photos:
            photo.use = photo.use and photo.absolute in wanted
        self.report({"INFO"}, rpt_("{} on").format(photo_count(len(kept))))


def _log() -> Path:
    return user_folder("logs") / "frames.txt"
