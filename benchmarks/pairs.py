"""How far relative poses and localised photos are off, and what they cost, where the truth is known."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ..core.geometry.method import Method
from ..core.geometry.relative_pose import relative_pose
from ..core.geometry.rotation import rotation_angle
from ..core.localization.absolute_pose import place
from ..core.localization.image_pair import PhotoPair
from ..core.settings import LocalizationSettings, Way
from ..tests.core.pair_scene import OUTLIERS, pairs_with, two_views, view_of
from ..tests.synthetic import noisy_scene
from .suite.report import machine

SEEDS = range(20)
LEVELS = ("none", "low", "medium", "high")
CASES: dict[str, dict[str, Any]] = {
    "exact": {},
    "0.5 px, 0.5 %": {"noise": 0.5},
    "1 px, 1 %": {"noise": 1.0},
    "exact, a plane": {"plane": True},
}
NEW, PHOTOS = 3, 4  # the photo that is placed, of so many
LARGE = (512, 384)
ROOM = 6.0  # scene units, its width

ABOUT = f"""Analytic pairs: 500 points 2 to 6 away, {OUTLIERS:.0%} of all data wrong, a turn of 11 degrees, cameras
0.6 apart; noise of matched pixels and of points along their rays; {len(SEEDS)} seeds; median / worst error of the
turn (degrees) and of the camera's place (percent of the distance between the cameras).
Localisation: one of {PHOTOS} photos on an arc of 100 degrees around a room {ROOM:g} wide, the others known exactly,
pair predictions as in `tests/golden/synthetic_pairs.py` (112 x 80), {len(SEEDS[::4])} seeds; medians.
Seconds: CPU, one thread, the same predictions at {LARGE[0]} x {LARGE[1]}."""


def main(root: Path) -> None:
    methods = get_args(Method)
    head = "".join(f" {method} ° | {method} % |" for method in methods)
    lines = [f"| pair |{head}", "|---" * (1 + 2 * len(methods)) + "|", *_relative_lines()]
    lines += ["", "| noise | way | ° | of the room's width, % | inliers, % |", "|---" * 5 + "|", *_placing_lines()]
    lines += ["", *_seconds()]
    text = f"# Matches, relative poses, localisation\n\n{machine(root)}\n\n" + "\n".join(lines) + f"\n\n{ABOUT}\n"
    (root / "benchmarks" / "results" / "pairs.md").write_text(text, encoding="utf-8")


def _relative_lines() -> Iterator[str]:
    for name, options in CASES.items():
        columns = []
        for method in get_args(Method):
            found = [_relative_error(method, seed, options) for seed in SEEDS]
            turn, place_ = np.array(found).T
            columns += [f"{np.median(turn):.2f} / {turn.max():.2f}", f"{np.median(place_):.2f} / {place_.max():.2f}"]
        yield f"| {name} | " + " | ".join(columns) + " |"


def _relative_error(method: Method, seed: int, options: dict[str, Any]) -> tuple[float, float]:
    """(degrees, percent of the distance); 180 and 100 where nothing was found."""
    views, truth = two_views(seed, **options)
    found = relative_pose(views, method)
    if found is None:
        return 180.0, 100.0
    turn, distance = _pose_error(found.cam2world, truth)
    return turn, 100 * distance / float(np.linalg.norm(truth[:3, 3]))


def _placing_lines() -> Iterator[str]:
    for noise in LEVELS:
        for way in get_args(Way):
            rows = [_placing_error(noise, way, seed) for seed in SEEDS[::4]]
            turn, distance, inliers = np.median(np.array(rows), axis=0)
            yield f"| {noise} | {way} | {turn:.2f} | {100 * distance / ROOM:.2f} | {100 * inliers:.0f} |"


def _placing_error(noise: str, way: Way, seed: int) -> tuple[float, float, float]:
    known, pairs, truth, _ = pairs_with(NEW, noise, seed, PHOTOS)
    placed = place(known, pairs, LocalizationSettings(way))
    if placed is None:
        return 180.0, ROOM, 0.0
    return (*_pose_error(placed.cam2world, truth), float(placed.inliers.mean()))


def _seconds() -> Iterator[str]:
    _, mappings, (forward, backward), _ = noisy_scene(2, "medium", 0, ((0, 1), (1, 0)), LARGE)
    pair = PhotoPair((view_of(0, mappings[0]), view_of(1, mappings[1])), forward, backward)
    matches, seconds = _timed(pair.matches)
    yield f"Matching the surer half of two pointmaps: {seconds:.2f} s, {len(matches.at_a)} matches."
    views = pair.two_views(matches)
    for method in get_args(Method):
        yield f"Relative pose, {method}: {_timed(lambda method=method: relative_pose(views, method))[1]:.2f} s."


def _timed(work: Any) -> tuple[Any, float]:
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def _pose_error(found: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[float, float]:
    """(degrees, distance of the centres)."""
    turn = np.degrees(rotation_angle(found[:3, :3].T @ truth[:3, :3]))
    return float(turn), float(np.linalg.norm(found[:3, 3] - truth[:3, 3]))
