"""What the operators share that find out where photos were taken: which photos, how sure, and what is said of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ...core.errors import InputError
from ...core.images.reader import SUFFIXES
from ...core.jobs.job import log_file
from ...core.reconstruction.result import Reconstruction
from ...core.settings import LocalizationSettings
from ..addon.preferences import cache_folder
from ..addon.properties import settings_of
from ..jobs.folder_worker import FolderWorkerOperator
from ..photos.listing import photo_count
from ..scene.found_again import Place, scene_again

DEFAULTS = LocalizationSettings()


class PhotoPlacingOperator(FolderWorkerOperator):
    """Subclasses begin the work in `begin`, and add the cameras in `_add`."""

    filepath: StringProperty(
        name="Photo", description="The photo whose camera is wanted", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in sorted(SUFFIXES)), options={"HIDDEN"})
    way: EnumProperty(
        name="Way",
        description="What the camera is found from",
        items=(
            ("matches", "Matches", "All pixels whose points are known, at once"),
            ("relative", "Relative Pose", "The pose to the best single photo, scaled by that photo's depth"),
        ),
        default=DEFAULTS.way,
    )
    neighbours: IntProperty(
        name="Neighbors",
        description="Photos or views of the model, the most alike, that the new photo is compared with",
        default=DEFAULTS.neighbours,
        min=1,
        soft_max=20,
    )
    min_inlier_share: FloatProperty(
        name="Least Agreement",
        description="Share of the matches that must agree on the camera; below it the photo is refused",
        default=DEFAULTS.min_inlier_share,
        min=0,
        max=1,
    )

    purpose = "localize"
    _scene: Place  # the scene that gets the cameras
    _step = ""  # which worker of several is at work, for the title

    def _add(self, scene: bpy.types.Scene, placed: Reconstruction) -> tuple[list[bpy.types.Object], list[str]]:
        """Cameras of the photos, and warnings; raises ReconstructionError."""
        raise AssertionError("every PhotoPlacingOperator adds cameras")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        context.window_manager.fileselect_add(self)  # type: ignore[arg-type]
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._scene = Place.of(context.scene)
        return super().execute(context)

    def take(self, context: bpy.types.Context, result: Path) -> None:
        scene = scene_again(self._scene)
        placed = Reconstruction.load(result)
        cameras, warnings = self._add(scene, placed)
        for warning in warnings:
            self._report("WARNING", warning)
        found_of = placed.localization.photos if placed.localization else ()
        for camera, found in zip(cameras, found_of, strict=True):
            words = rpt_("{}: {} of {} matches agree, {:.1f} pixels apart")
            numbers = (found.inliers, found.matches, found.median_reprojection_px)
            self._report("INFO", words.format(camera.name, *numbers))

    def _photos(self) -> list[str]:
        """The files chosen; raises InputError without any."""
        folder = Path(bpy.path.abspath(self.directory))
        chosen = [str(folder / file.name) for file in self.files if file.name]
        if not (chosen or self.filepath):
            raise InputError("No photo was given; choose one or more")
        return chosen or [bpy.path.abspath(self.filepath)]

    def _start_placing(self, context: bpy.types.Context, world: Path, more: Sequence[str] = ()) -> None:
        """The worker that finds the cameras of the photos in a world that lies in a folder. more: of its arguments."""
        photos = self._photos()
        arguments = ["localize", str(world), *photos, "--output", str(self._folder / "placed"), "--way", self.way]
        arguments += ["--device", settings_of(context.scene).device, "--neighbours", str(self.neighbours)]
        arguments += ["--min-inlier-share", str(self.min_inlier_share), *more]
        arguments += ["--cache", str(cache_folder())]
        what = Path(photos[0]).name if len(photos) == 1 else photo_count(len(photos))
        title = rpt_("Localizing {}").format(what)
        self.start(context, arguments, f"{title}{self._step}", log_file(self._folder))
