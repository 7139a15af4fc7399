"""The order of the list of photos, and which of them take part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, EnumProperty

from ...core.images.reader import natural_order, time_order
from ..addon.properties import settings_of
from ..reporting import reports_errors
from .listing import PhotoListOperator, photo_count, switched_on


class DUST3R_OT_move_photo(PhotoListOperator, bpy.types.Operator):
    """Move the active photo within the list, whose order scene graphs of windows follow"""

    bl_idname = "dust3r.move_photo"
    bl_label = "Move Photo"
    bl_options = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction",
        description="Where to",
        items=(
            ("UP", "Up", "Before the photo above"),
            ("DOWN", "Down", "After the photo below"),
            ("TOP", "To the Top", "Before all others"),
            ("BOTTOM", "To the Bottom", "After all others"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> set[Any]:
        settings = settings_of(context.scene)
        here, last = settings.active_photo, len(settings.photos) - 1
        there = {"UP": max(0, here - 1), "DOWN": min(last, here + 1), "TOP": 0, "BOTTOM": last}[self.direction]
        settings.photos.move(here, there)
        settings.active_photo = there
        return {"FINISHED"}


class DUST3R_OT_sort_photos(PhotoListOperator, bpy.types.Operator):
    """Put the photos of the list in order"""

    bl_idname = "dust3r.sort_photos"
    bl_label = "Sort Photos"
    bl_options = {"REGISTER", "UNDO"}

    key: EnumProperty(
        name="By",
        description="What the order follows",
        items=(
            ("NAME", "Name", "IMG_2 before IMG_10"),
            ("TIME", "Time", "When the camera says they were taken, else when the file was changed"),
        ),
    )
    reverse: BoolProperty(name="Reverse", translation_context="DUSt3R", description="Last first", default=False)

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        settings = settings_of(context.scene)
        keys = [_key(self.key, photo.absolute) for photo in settings.photos]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=self.reverse)
        _arrange(settings.photos, order)
        if settings.active_photo < len(order):
            settings.active_photo = order.index(settings.active_photo)
        return {"FINISHED"}


class DUST3R_OT_switch_photos(PhotoListOperator, bpy.types.Operator):
    """Switch all photos of the list on or off"""

    bl_idname = "dust3r.switch_photos"
    bl_label = "Switch Photos"
    bl_options = {"REGISTER", "UNDO"}

    action: EnumProperty(
        name="Action",
        description="Which photos take part afterwards",
        items=(
            ("ON", "All On", "Every photo takes part"),
            ("OFF", "All Off", "No photo takes part"),
            ("INVERT", "Invert", "Those take part that did not"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> set[Any]:
        for photo in settings_of(context.scene).photos:
            photo.use = not photo.use if self.action == "INVERT" else self.action == "ON"
        self.report({"INFO"}, rpt_("{} on").format(photo_count(len(switched_on(context.scene)))))
        return {"FINISHED"}


def _key(by: str, path: Path) -> Any:
    return time_order(path) if by == "TIME" else (natural_order(path.name), str(path))


def _arrange(photos: Any, order: Sequence[int]) -> None:
    """Make the photo that is now number order[k] the k-th."""
    left = list(range(len(order)))  # who stands where from k on
    for k, wanted in enumerate(order):
        at = left.index(wanted)
        photos.move(k + at, k)
        left.pop(at)
