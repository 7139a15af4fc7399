"""Where a reconstruction stands: ground, scale, origin and north, from points that are picked in the viewport."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from ...core.errors import InputError, ReconstructionError
from ...core.reconstruction.result import Reconstruction
from ...core.world.ground_plane import Array
from ...core.world.transform import (
    NORTH,
    ground_through,
    north_along,
    on_the_ground,
    onto_ground,
    onto_known,
    origin_at,
    scaled,
    scaled_between,
    scaled_to_height,
)
from ..addon.properties import settings_of
from ..reporting import reports_errors
from ..scene.cameras import PHOTO
from ..scene.reading import active_reconstruction
from ..scene.world import PICK, add_pick, camera_pose, move_world, picked_points, seen_reconstruction, to_core
from .on_reconstruction import OnReconstruction


class _WorldOperator(OnReconstruction):
    """Moves the active reconstruction by what `find` gives; subclasses say which choice that settles."""

    choice: str
    only_marked = False  # whether objects other than picked points do not count

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        context.view_layer.update()
        collection, picked = active_reconstruction(context), picked_points(context, self.only_marked)
        with _object_mode(context):
            move_world(collection, self.find(context, seen_reconstruction(collection), picked), self.choice)
        return {"FINISHED"}

    def find(self, context: bpy.types.Context, world: Reconstruction, picked: Array) -> Array:
        """The similarity (4, 4), core's axes. picked: (N, 3), Blender's. Raises InputError."""
        raise AssertionError("every world operator finds a move")


class DUST3R_OT_set_ground(_WorldOperator, bpy.types.Operator):
    """Bring the floor down to the grid: found by itself, or through picked points"""

    bl_idname = "dust3r.set_ground"
    bl_label = "Set Ground"
    bl_options = {"REGISTER", "UNDO"}
    choice = "ground"

    way: EnumProperty(
        name="From",
        description="What is the ground",
        items=(
            ("auto", "Largest Plane", "The largest level plane below the cameras"),
            (
                "points",
                "Picked Points",
                "One point, or the 3D cursor, for a level ground; three or more for their plane",
            ),
        ),
        default="auto",
    )

    def find(self, context: bpy.types.Context, world: Reconstruction, picked: Array) -> Array:
        if self.way == "auto":
            return on_the_ground(world)
        points = to_core(_filled_up(context, picked, 0))
        return onto_ground(ground_through(points, np.stack([view.cam2world for view in world.views])), np.zeros(3))


class DUST3R_OT_set_scale(_WorldOperator, bpy.types.Operator):
    """Make the reconstruction as large as it was: by a distance, a camera's height above the ground, or a factor"""

    bl_idname = "dust3r.set_scale"
    bl_label = "Set Scale"
    bl_options = {"REGISTER", "UNDO"}
    choice = "scale"
    only_marked = True  # two objects that happen to be selected are no measurement

    way: EnumProperty(
        name="From",
        description="What tells the scale",
        items=(
            ("distance", "Distance", "Two picked points, or one and the 3D cursor, are this far apart"),
            ("height", "Camera Height", "The selected photo's camera stands this high above the ground, z = 0"),
            ("factor", "Factor", "Lengths times this"),
        ),
        default="distance",
    )
    length: FloatProperty(
        name="Length",
        description="Of the distance or the height",
        default=1,
        min=1e-6,
        soft_max=100,
        subtype="DISTANCE",
    )
    factor: FloatProperty(name="Factor", description="Lengths become so many times as long", default=1, min=1e-6)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        """Ask, beginning with how far apart the points are now."""
        picked = picked_points(context, self.only_marked)
        if len(picked) == 2 and not self.properties.is_property_set("length"):
            self.length = float(np.linalg.norm(picked[1] - picked[0]))
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in ("way", "factor" if self.way == "factor" else "length"):
            self.layout.prop(self, name)

    def find(self, context: bpy.types.Context, world: Reconstruction, picked: Array) -> Array:
        if self.way == "factor":
            return scaled(self.factor)
        if self.way == "height":
            return scaled_to_height(camera_pose(_one_camera(context)), self.length)
        start, end = to_core(_filled_up(context, picked, 2))
        return scaled_between(start, end, self.length)


class DUST3R_OT_set_origin(_WorldOperator, bpy.types.Operator):
    """Bring the picked point, or the 3D cursor, to the world's origin"""

    bl_idname = "dust3r.set_origin"
    bl_label = "Set Origin"
    bl_options = {"REGISTER", "UNDO"}
    choice = "origin"

    height: BoolProperty(
        name="Height Too", description="Else only along the ground, which keeps its height", default=False
    )

    def find(self, context: bpy.types.Context, world: Reconstruction, picked: Array) -> Array:
        return origin_at(to_core(_filled_up(context, picked, 1))[0], self.height)


class DUST3R_OT_set_north(_WorldOperator, bpy.types.Operator):
    """Turn the reconstruction about the vertical until a direction points to the north, along y"""

    bl_idname = "dust3r.set_north"
    bl_label = "Set North"
    bl_options = {"REGISTER", "UNDO"}
    choice = "north"

    way: EnumProperty(
        name="From",
        description="Which direction is north",
        items=(
            ("points", "Picked Points", "From one point to the other: to the active object, or to the 3D cursor"),
            ("camera", "Camera", "Where the selected photo's camera looks"),
            ("angle", "Angle", "Turned by this"),
        ),
        default="points",
    )
    angle: FloatProperty(name="Angle", description="Seen from above, counterclockwise", default=0, subtype="ANGLE")

    def find(self, context: bpy.types.Context, world: Reconstruction, picked: Array) -> Array:
        if self.way == "camera":
            return north_along(camera_pose(_one_camera(context))[:3, :3] @ NORTH)  # a camera looks along its z
        if self.way == "angle":
            return north_along(np.array([np.sin(self.angle), 0, np.cos(self.angle)]))
        start, end = to_core(_filled_up(context, picked, 2))
        return north_along(end - start)


class DUST3R_OT_fit_world(_WorldOperator, bpy.types.Operator):
    """Move all onto the known cameras of the list: one gives place and turn, two or more the scale too"""

    bl_idname = "dust3r.fit_world"
    bl_label = "Fit to Known Cameras"
    bl_options = {"REGISTER", "UNDO"}
    choice = "cameras"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if not any(photo.is_pose_known for photo in settings_of(context.scene).photos):
            cls.poll_message_set(tip_("No photo in the list has a known pose"))
            return False
        return True

    def find(self, context: bpy.types.Context, world: Reconstruction, picked: Array) -> Array:
        known = {
            str(photo.absolute.resolve()): photo.known_camera
            for photo in settings_of(context.scene).photos
            if photo.known
        }
        found = onto_known({str(view.path.resolve()): view.cam2world for view in world.views}, known)
        if found is None:
            raise InputError("The pose of none of its photos is known; set one under Known Cameras and Masks")
        return found


class DUST3R_OT_pick_point(OnReconstruction, bpy.types.Operator):
    """Keep the place of the 3D cursor as a picked point, selected with those picked before"""

    bl_idname = "dust3r.pick_point"
    bl_label = "Pick Point at Cursor"
    bl_options = {"REGISTER", "UNDO"}

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        with _object_mode(context):
            point = add_pick(active_reconstruction(context), np.array(context.scene.cursor.location))
        for thing in context.selected_objects:
            thing.select_set(PICK in thing)
        point.select_set(True)
        context.view_layer.objects.active = point
        return {"FINISHED"}


@contextmanager
def _object_mode(context: bpy.types.Context) -> Iterator[None]:
    """Out of Edit Mode, in which a mesh shows nobody its attributes; back into it where nothing was done.

    What was done ends in Object Mode: an undo step of Edit Mode would take back the points and not the cameras.
    """
    active = context.active_object
    editing = active is not None and active.mode == "EDIT"
    if editing:
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    except ReconstructionError:
        if editing:
            bpy.ops.object.mode_set(mode="EDIT")
        raise


def _filled_up(context: bpy.types.Context, picked: Array, wanted: int) -> Array:
    """The picked points, Blender's world, with the 3D cursor where one is missing; raises InputError for others.

    wanted: how many; 0: any number but none.
    """
    if len(picked) == (wanted or 1) - 1:
        picked = np.concatenate([picked, np.array(context.scene.cursor.location)[None]])
    if wanted and len(picked) != wanted:
        found = f"{len(picked)} point{'' if len(picked) == 1 else 's'} picked"
        raise InputError(f"{wanted} wanted, {found}; use Pick Point at Cursor, or select vertices in Edit Mode")
    return picked


def _one_camera(context: bpy.types.Context) -> bpy.types.Object:
    """The active photo's camera, else the only selected one; raises InputError."""
    cameras = [thing for thing in context.selected_objects if thing.type == "CAMERA" and PHOTO in thing]
    if context.object in cameras:
        return context.object
    if len(cameras) != 1:
        raise InputError(f"{len(cameras)} photos' cameras are selected; select one")
    return cameras[0]
