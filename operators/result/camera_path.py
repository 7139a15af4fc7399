"""Cameras for shots: one that flies through the photos' places, one that moves as the movie's did."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ...core.cameras.camera_path import FRAMES_PER_PHOTO, SMOOTHING
from ...core.errors import ReconstructionError
from ..reporting import reports_errors
from ..scene.camera_path import add_path_camera, first_free_frame, movie_cameras, path_cameras, poses_and_lenses
from ..scene.reading import active_reconstruction
from .on_reconstruction import OnReconstruction


def _smoothing(photos: float) -> Any:
    return FloatProperty(
        name="Smoothing",
        description="Over how many photos before and after each the way is averaged; 0: exactly through each of them",
        default=photos,
        min=0,
        soft_max=5,
    )


class _ShotOperator(OnReconstruction):
    """Adds a camera; subclasses say how in `add`."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self)  # type: ignore[arg-type]

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        context.view_layer.update()
        collection = active_reconstruction(context)
        camera = self.add(context, collection, path_cameras(context, collection))
        scene = context.scene
        said = rpt_("{} on frames {} to {}").format(camera.name, scene.frame_start, scene.frame_end)
        self.report({"INFO"}, said)  # type: ignore[attr-defined]
        return {"FINISHED"}

    def add(
        self, context: bpy.types.Context, collection: bpy.types.Collection, cameras: Sequence[bpy.types.Object]
    ) -> bpy.types.Object:
        """The new camera; raises ReconstructionError."""
        raise AssertionError("every shot operator adds a camera")


class DUST3R_OT_animate_camera(_ShotOperator, bpy.types.Operator):
    """Add a camera that flies through the photos' places in their order; two or more selected: through those"""

    bl_idname = "dust3r.animate_camera"
    bl_label = "Animate Camera"
    bl_options = {"REGISTER", "UNDO"}

    way: EnumProperty(
        name="Pace",
        description="How long it takes from photo to photo",
        items=(
            ("photos", "Frames per Photo", "Equally long from each photo to the next"),
            ("duration", "Duration", "As many seconds as wanted; less between photos that are near each other"),
        ),
        default="photos",
    )
    step: IntProperty(
        name="Frames per Photo", description="From one photo to the next", default=FRAMES_PER_PHOTO, min=1, soft_max=250
    )
    seconds: FloatProperty(name="Seconds", description="Of the whole shot", default=10, min=0.1, soft_max=120)
    loop: BoolProperty(name="Loop", description="Back to the first photo at the end, without a jerk", default=False)
    smoothing: _smoothing(SMOOTHING)
    start: IntProperty(name="Start", description="First frame; 0: after the frames of the photos", default=0, min=0)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in ("way", "step" if self.way == "photos" else "seconds", "smoothing", "loop", "start"):
            self.layout.prop(self, name)

    def add(
        self, context: bpy.types.Context, collection: bpy.types.Collection, cameras: Sequence[bpy.types.Object]
    ) -> bpy.types.Object:
        core, first = _core(), self.start or first_free_frame(context.scene)
        poses, K, sizes = poses_and_lenses(cameras)
        path = core.path_through(poses, K, sizes, self._times(core, context.scene, poses, first))
        path = core.smoothed(path, self.smoothing * float(np.diff(path.times).mean()))
        path = core.closed(path) if self.loop else path
        frames = np.arange(first, np.floor(path.times[-1] + 1e-6) + 1)
        return add_path_camera(context.scene, collection, cameras[0], core.along(path, frames, self.loop), "Shot")

    def _times(self, core: ModuleType, scene: bpy.types.Scene, poses: np.ndarray, first: int) -> np.ndarray:
        """(N,), frames; a loop's way back is one step more."""
        if self.way == "photos":
            return first + self.step * np.arange(len(poses), dtype=np.float64)
        frames = self.seconds * scene.render.fps / scene.render.fps_base - 1
        legs = len(poses) - 1
        return core.even_times(poses, first, first + frames * (legs / (legs + 1) if self.loop else 1))


class DUST3R_OT_match_footage(_ShotOperator, bpy.types.Operator):
    """Add a camera that moves as the movie's did, over the movie, on its frames and at its rate"""

    bl_idname = "dust3r.match_footage"
    bl_label = "Match Footage"
    bl_options = {"REGISTER", "UNDO"}

    smoothing: _smoothing(0.0)
    start: IntProperty(name="Start", description="The scene's frame that shows the movie's first", default=1, min=0)

    def add(
        self, context: bpy.types.Context, collection: bpy.types.Collection, cameras: Sequence[bpy.types.Object]
    ) -> bpy.types.Object:
        core = _core()
        clip, shown, numbers = movie_cameras(cameras)
        path = core.path_through(*poses_and_lenses(shown), self.start + numbers - 1)
        path = core.smoothed(path, self.smoothing * float(np.diff(path.times).mean()))
        frames = np.arange(self.start, self.start + clip.frames, dtype=np.float64)
        return add_path_camera(context.scene, collection, shown[0], core.along(path, frames), "Footage Camera", clip)


def _core() -> ModuleType:
    """core's camera_path, imported only when it is needed: it brings SciPy."""
    try:
        from ...core.cameras import camera_path
    except ModuleNotFoundError as error:
        raise ReconstructionError(f"This Blender's Python has no {error.name}; install the extension's zip") from error
    return camera_path
