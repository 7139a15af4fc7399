"""Cameras for shots: one that flies through the photos' places, one that moves as the movie's did."""

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ...core.cameras.camera_path import FRAMES_PER_PHOTO, SMOOTHING
from ...core.errors import ReconstructionError
from ..reporting import reports_errors
from ..scene.camera_curve import add_flight, add_move, dolly, middle_of, orbit
from ..scene.camera_path import (
    add_keyed_camera,
    add_path_camera,
    are_frames,
    first_free_frame,
    make_shot,
    movie_cameras,
    path_cameras,
    poses_and_lenses,
    shot_cameras,
    shot_frames,
)
from ..scene.reading import active_reconstruction, find_collection
from ..scene.remembered_view import forget_view, is_remembered, remember_view
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
        collection, scene = active_reconstruction(context), context.scene
        is_first = not is_remembered(scene)
        remember_view(scene)
        try:
            camera = self.add(context, collection, path_cameras(context, collection))
        except ReconstructionError:
            if is_first:
                forget_view(scene)
            raise
        if is_first and scene.camera != camera:
            forget_view(scene)
        first, last = shot_frames(camera) or (0, 0)
        self.report({"INFO"}, rpt_("{} on frames {} to {}").format(camera.name, first, last))  # type: ignore[attr-defined]
        return {"FINISHED"}

    def add(
        self, context: bpy.types.Context, collection: bpy.types.Collection, cameras: Sequence[bpy.types.Object]
    ) -> bpy.types.Object:
        """The new camera; raises ReconstructionError."""
        raise AssertionError("every shot operator adds a camera")


class DUST3R_OT_animate_camera(_ShotOperator, bpy.types.Operator):
    """Add a camera that flies through the photos' places, around the middle of the points, or towards it"""

    bl_idname = "dust3r.animate_camera"
    bl_label = "Animate Camera"
    bl_options = {"REGISTER", "UNDO"}

    move: EnumProperty(
        name="Move",
        description="Where the camera goes",
        items=(
            ("photos", "Through Photos", "From photo to photo, in their order"),
            ("orbit", "Orbit", "Around the middle of the points, at the photos' distance and height"),
            ("dolly", "Dolly", "Straight towards the middle of the points, or away from it"),
        ),
        default="photos",
    )
    keys: EnumProperty(
        name="Keys",
        description="What can be edited afterwards",
        items=(
            ("few", "Curve", "A curve with few points, and few keys for pace, turn and lens"),
            ("every", "Every Frame", "A key on each frame: exactly through the photos"),
        ),
        default="few",
    )
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
    angle: FloatProperty(
        name="Angle",
        description="Of the orbit; 0: as far around as the photos are",
        default=0,
        min=-math.tau,
        max=math.tau,
        subtype="ANGLE",
    )
    travel: FloatProperty(
        name="Travel",
        description="Share of the way to the middle of the points; below 0: away from it",
        default=0.4,
        min=-5,
        max=0.95,
        subtype="FACTOR",
    )
    start: IntProperty(name="Start", description="First frame; 0: after the frames of other shots", default=0, min=0)
    make_active: BoolProperty(
        name="Use as Scene Camera",
        description="Give the scene this camera, its frame range and its resolution; Leave Photo brings back what was",
        default=True,
    )

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        pace = ("way", "step" if self.way == "photos" else "seconds", "smoothing", "loop", "keys")
        options = {"photos": pace, "orbit": ("seconds", "angle"), "dolly": ("seconds", "travel")}[self.move]
        for name in ("move", *options, "start", "make_active"):
            self.layout.prop(self, name)

    def add(
        self, context: bpy.types.Context, collection: bpy.types.Collection, cameras: Sequence[bpy.types.Object]
    ) -> bpy.types.Object:
        scene, first = context.scene, self.start or first_free_frame(context.scene)
        if self.move == "photos":
            camera = self._flight(scene, collection, cameras, first)
        else:
            target = middle_of(collection, cameras)
            move = orbit(cameras, target, self.angle) if self.move == "orbit" else dolly(cameras, target, self.travel)
            last = max(first + 1, round(first + self.seconds * scene.render.fps / scene.render.fps_base) - 1)
            camera = add_move(scene, collection, cameras[0], move, (first, last))
        if self.make_active:
            make_shot(scene, camera)
        return camera

    def _flight(
        self,
        scene: bpy.types.Scene,
        collection: bpy.types.Collection,
        cameras: Sequence[bpy.types.Object],
        first: int,
    ) -> bpy.types.Object:
        core = _core()
        poses, K, sizes = poses_and_lenses(cameras)
        path = core.path_through(poses, K, sizes, self._times(core, scene, poses, first))
        path = core.smoothed(path, self.smoothing * float(np.diff(path.times).mean()))
        path = core.closed(path) if self.loop else path
        frames = np.arange(first, np.floor(path.times[-1] + 1e-6) + 1)
        add = add_flight if self.keys == "few" else add_keyed_camera
        return add(scene, collection, cameras[0], core.along(path, frames, self.loop))

    def _times(self, core: ModuleType, scene: bpy.types.Scene, poses: np.ndarray, first: int) -> np.ndarray:
        """(N,), frames; a loop's way back is one step more."""
        if self.way == "photos":
            return first + self.step * np.arange(len(poses), dtype=np.float64)
        frames = self.seconds * scene.render.fps / scene.render.fps_base - 1
        legs = len(poses) - 1
        return core.even_times(poses, first, first + frames * (legs / (legs + 1) if self.loop else 1))


class DUST3R_OT_render_shot(bpy.types.Operator):
    """Render all frames of the shot to the scene's output path; without a shot as scene camera, of the latest"""

    bl_idname = "dust3r.render_shot"
    bl_label = "Render Shot"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not shot_cameras(context.scene):
            cls.poll_message_set(tip_("Animate a camera first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        self._take_camera(context)
        return bpy.ops.render.render("EXEC_DEFAULT", animation=True)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        self._take_camera(context)
        self.report({"INFO"}, rpt_("Rendering to {}").format(bpy.path.abspath(context.scene.render.filepath)))
        return bpy.ops.render.render("INVOKE_DEFAULT", animation=True)

    def _take_camera(self, context: bpy.types.Context) -> None:
        scene = context.scene
        if shot_frames(scene.camera) is None:
            remember_view(scene)
            make_shot(scene, shot_cameras(scene)[-1])


class DUST3R_OT_match_footage(_ShotOperator, bpy.types.Operator):
    """Add a camera that moves as the movie's did, over the movie, on its frames and at its rate"""

    bl_idname = "dust3r.match_footage"
    bl_label = "Match Footage"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        collection = find_collection(context)
        if collection is None or not are_frames(collection):
            cls.poll_message_set(tip_("These photos are no frames of a movie"))
            return False
        return True

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
