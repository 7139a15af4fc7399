"""Arguments of the verbs that read matches and cameras from pointmaps; defaults are core's."""

import argparse
import math
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from ..core.geometry.method import Method
from ..core.localization.reference_settings import Engine, MapSettings
from ..core.localization.settings import LocalizationSettings, Way
from .parser import DRAWN, add_cache, add_model, add_overwrite, confidence

DEFAULTS, MAP = LocalizationSettings(), MapSettings()
MATCH = "pixels of two photos that show the same points (docs/matching.md)"
RELATIVE_POSE = "where the camera of a second photo stood, seen from the first's (docs/relative_pose.md)"
LOCALIZE = "cameras of new photos in a reconstruction or a .blend that stay as they are (docs/localization.md)"


def add_match(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photos", nargs="*", metavar="PHOTO", help="two files; with --job, names of its photos (none: all pairs)")
    add("--job", type=Path, metavar="FOLDER", help="match in a finished job's world, without the network")
    add("--output", type=Path, metavar="MATCHES.csv", help="write photo pixels and confidence of every match")
    add("--colmap", type=Path, metavar="FOLDER", help="write features and matches as COLMAP imports them")
    add_overwrite(add)
    surest = "leave pixels below out (default: the less sure half; with --job what is hidden there)"
    add("--min-confidence", type=confidence, metavar="C", help=surest)
    add_model(parser)


def add_relative_pose(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photo_a", type=Path, metavar="A", help="the photo in whose camera frame the answer is")
    add("photo_b", type=Path, metavar="B", help="the other photo")
    add("--method", choices=get_args(Method), help="how it is found (default: all three ways)")
    add("--output", type=Path, metavar="POSE.json", help="write the answer")
    add_overwrite(add)
    add("--focals", type=_focal, nargs=2, metavar=("A", "B"), help="known focals, photo pixels (default: as seen)")
    add("--seed", type=int, default=DEFAULTS.seed, metavar="N", help=DRAWN)
    add_model(parser)


def add_localize(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    where = "a finished job, its result, photos with cameras and depth (see render-map), or a .blend (needs bpy)"
    add("folder", type=Path, metavar="WORLD", help=where)
    add("photos", type=Path, nargs="+", metavar="PHOTO", help="the photos to be placed, each by itself")
    add("--output", type=Path, metavar="FOLDER", help="write cameras (cameras.json), depth and confidence")
    add("--scene", type=Path, metavar="OUT.blend", help="write the .blend with the photos' cameras in it")
    add_overwrite(add)
    way = "PnP over all matches, or the relative pose to one photo scaled by its depth"
    add("--way", choices=get_args(Way), default=DEFAULTS.way, help=way)
    add("--neighbours", type=int, default=DEFAULTS.neighbours, metavar="N", help="photos it is compared with")
    add("--focal", type=_focal, metavar="F", help="of the photo, if known, in its pixels (default: as seen)")
    add("--min-inliers", type=int, default=DEFAULTS.min_inliers, metavar="N", help="fewer than these: refuse")
    add(
        "--min-inlier-share",
        type=float,
        default=DEFAULTS.min_inlier_share,
        metavar="S",
        help="less of the matches: refuse",
    )
    add("--seed", type=int, default=DEFAULTS.seed, metavar="N", help=DRAWN)
    add_cache(parser)
    add_map(parser)
    add_model(parser)


def add_map(parser: argparse.ArgumentParser) -> None:
    """From where a .blend is shown."""
    add = parser.add_argument_group("where WORLD is a .blend").add_argument
    add("--map-camera", action="append", metavar="NAME", help="a camera to see it from; may be repeated (default: all)")
    add("--around", action="append", metavar="NAME", help="instead: an object to see from all around; may be repeated")
    add("--views", type=int, default=MAP.views, metavar="N", help="how many around it")
    add("--map-size", type=int, default=MAP.size, metavar="N", help="pixels of a view's longer side")
    add("--engine", choices=get_args(Engine), default=MAP.engine, help="of the colours; depth is exact with all")
    add("--samples", type=int, default=MAP.samples, metavar="N", help="of the engine per pixel")
    add("--no-photos", action="store_true", help="render even where a camera has its own photo behind it")


def read_map_settings(arguments: argparse.Namespace) -> MapSettings:
    """The settings that the arguments spell; raises InputError for values out of range."""
    return MapSettings(
        cameras=tuple(arguments.map_camera or ()),
        around=tuple(arguments.around or ()),
        views=arguments.views,
        size=arguments.map_size,
        engine=arguments.engine,
        samples=arguments.samples,
        photos=not arguments.no_photos,
    )


def read_localization(arguments: argparse.Namespace) -> LocalizationSettings:
    """The settings that the arguments spell; raises InputError for values out of range."""
    values: dict[str, Any] = {field.name: getattr(arguments, field.name) for field in fields(LocalizationSettings)}
    return LocalizationSettings(**values)


def _focal(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no focal length; give pixels, above 0")


PAIR_VERBS = {
    "match": (MATCH, add_match),
    "relative-pose": (RELATIVE_POSE, add_relative_pose),
    "localize": (LOCALIZE, add_localize),
}
