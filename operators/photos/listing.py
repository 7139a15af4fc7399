"""What operators on the list of photos share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_

from ...core.errors import InputError
from ...core.images.reader import find_photos
from ...core.images.video import is_movie
from ..addon.properties import settings_of
from .properties import forget_files


class PhotoListOperator:
    """An operator for when there are photos in the list."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not settings_of(context.scene).photos:
            cls.poll_message_set(tip_("The list of photos is empty"))  # type: ignore[attr-defined]
            return False
        return True


def add_to_list(scene: bpy.types.Scene, paths: Sequence[Path]) -> int:
    """Add the photos that files and folders name, each once; returns how many were new. Raises InputError."""
    for path in paths:
        if is_movie(path):
            raise InputError(f"{path.name} is a movie; add frames of it with Add Movie")
    found, photos = find_photos(paths), settings_of(scene).photos
    forget_files()
    present = {bpy.path.abspath(photo.path) for photo in photos}
    new = [path for path in found if str(path) not in present]
    for path in new:
        item = photos.add()
        item.name, item.path = path.name, str(path)
        item.use = item.facts is not None  # one that cannot be read takes no part
    return len(new)


def switched_on(scene: bpy.types.Scene) -> list[Any]:
    """The photos of the list that take part, as DUST3R_PG_photo."""
    return [photo for photo in settings_of(scene).photos if photo.use]


def chosen_rows(settings: Any) -> list[int]:
    """Numbers of the selected photos of the list, else of the active one; in their order."""
    selected = [number for number, photo in enumerate(settings.photos) if photo.select]
    return selected or ([settings.active_photo] if 0 <= settings.active_photo < len(settings.photos) else [])


def photo_count(number: int) -> str:
    return rpt_("1 photo") if number == 1 else rpt_("{} photos").format(number)
