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
from .listing import PhotoListOperator, chosen_rows, photo_count, switched_on


class DUST3R_OT_move_photo(PhotoListOperator, bpy.types.Operator):
    """Move the active photo, or the selected ones, within the list; Sliding Window follows its order"""

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
        rows, count = chosen_rows(settings), len(settings.photos)
        if not rows:
            return {"CANCELLED"}
        others = [number for number in range(count) if number not in set(rows)]
        first = {"UP": rows[0] - 1, "DOWN": rows[-1] + 2 - len(rows), "TOP": 0, "BOTTOM": count}[self.direction]
        first = max(0, min(first, len(others)))
        order = [*others[:first], *rows, *others[first:]]
        _arrange(settings.photos, order)
        settings.active_photo = order.index(settings.active_photo)
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
            ("SELECTED", "Only Selected", "The selected photos alone take part"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> set[Any]:
        for photo in settings_of(context.scene).photos:
            wanted = {"ON": True, "OFF": False, "INVERT": not photo.use, "SELECTED": photo.select}[self.action]
            photo.use = wanted and photo.facts is not None
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
