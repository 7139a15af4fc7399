"""Arguments of the verbs that read matches and cameras from pointmaps; defaults are core's."""

import argparse
import math
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from ..core.geometry.method import Method
from ..core.localization_settings import LocalizationSettings, Way

DEFAULTS = LocalizationSettings()
MATCH = "pixels of two photos that show the same points (docs/matching.md)"
RELATIVE_POSE = "where the camera of a second photo stood, seen from the first's (docs/matching.md)"
LOCALIZE = "the camera of a new photo in a reconstruction that stays as it is (docs/localization.md)"


def add_match(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photos", nargs="*", metavar="PHOTO", help="two files; with --job, names of its photos (none: all pairs)")
    add("--job", type=Path, metavar="FOLDER", help="match in a finished job's world, without the network")
    add("--output", type=Path, metavar="MATCHES.csv", help="write photo pixels and confidence of every match")
    add("--colmap", type=Path, metavar="FOLDER", help="write features and matches as COLMAP imports them")
    surest = "leave pixels below out (default: the less sure half; with --job what is hidden there)"
    add("--min-confidence", type=float, metavar="C", help=surest)


def add_relative_pose(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photo_a", type=Path, metavar="A", help="the photo in whose camera frame the answer is")
    add("photo_b", type=Path, metavar="B", help="the other photo")
    add("--method", choices=get_args(Method), help="default: all three")
    add("--output", type=Path, metavar="POSE.json", help="write the answer")
    add("--focals", type=_focal, nargs=2, metavar=("A", "B"), help="known focals, photo pixels (default: as seen)")
    add("--seed", type=int, default=DEFAULTS.seed, metavar="N")


def add_localize(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="a finished job, or its result")
    add("photo", type=Path, metavar="PHOTO", help="the photo to be placed")
    add("--output", type=Path, metavar="FOLDER", help="write its camera (cameras.json), depth and confidence")
    way = "PnP over all matches, or the relative pose to one photo scaled by its depth"
    add("--way", choices=get_args(Way), default=DEFAULTS.way, help=way)
    add("--neighbours", type=int, default=DEFAULTS.neighbours, metavar="N", help="photos it is compared with")
    add("--focal", type=_focal, metavar="F", help="of the photo, if known, in its pixels (default: as seen)")
    add("--min-inliers", type=int, default=DEFAULTS.min_inliers, metavar="N", help="fewer: refuse")
    add("--min-inlier-share", type=float, default=DEFAULTS.min_inlier_share, metavar="S", help="of matches: the same")
    add("--seed", type=int, default=DEFAULTS.seed, metavar="N")


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
