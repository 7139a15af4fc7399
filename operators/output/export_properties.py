"""What an export writes, as Blender properties: the scene and the operator inherit the same."""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...core.export.settings import ALL_FORMATS, TRAINING_POINTS, ExportSettings

DEFAULTS = ExportSettings()
USUAL = -1  # points, as the format says


class ExportProperties:
    """Format, options and folder; a test holds the defaults to core's."""

    format: EnumProperty(
        name="Format",
        description="For which programs",
        items=tuple((name, one.title, one.note) for name, one in ALL_FORMATS.items()),
    )
    folder: StringProperty(name="Folder", description="Where to; nothing is overwritten", subtype="DIR_PATH")
    max_points: IntProperty(
        name="Point Limit",
        description=f"An even choice of so many; 0: all; -1: {TRAINING_POINTS} where a training begins with them",
        default=USUAL if DEFAULTS.max_points is None else DEFAULTS.max_points,
        min=USUAL,
    )
    normals: BoolProperty(
        name="Normals", description="Of the surface that each photo's depth map shows", default=DEFAULTS.normals
    )
    tracks: BoolProperty(
        name="Join Points",
        description="Make points of several photos that show the same one; takes longer",
        default=DEFAULTS.tracks,
    )
    photos: BoolProperty(
        name="Copy Photos",
        description="Put the photos, upright, and their masks beside their cameras",
        default=DEFAULTS.photos,
    )


def _which_points(export: Any) -> int:
    return {USUAL: 0, 0: 1}.get(export.max_points, 2)


def _choose_points(export: Any, number: int) -> None:
    export.max_points = (USUAL, 0, max(1, export.max_points) if export.max_points > 0 else TRAINING_POINTS)[number]


class DUST3R_PG_export(ExportProperties, bpy.types.PropertyGroup):
    """The next export; saved with the scene."""

    points: EnumProperty(
        name="Points",
        description="How many points are written",
        items=(
            ("AUTO", "Automatic", f"{TRAINING_POINTS} where a training begins with them, else all"),
            ("ALL", "All", "Every visible point"),
            ("LIMIT", "Limit", "An even choice of them"),
        ),
        get=_which_points,
        set=_choose_points,
    )


def read_export_settings(chosen: dict[str, Any]) -> ExportSettings:
    """Core's settings from the values of the properties above."""
    points = chosen["max_points"]
    return ExportSettings(
        max_points=None if points == USUAL else points,
        normals=chosen["normals"],
        tracks=chosen["tracks"],
        photos=chosen["photos"],
    )
