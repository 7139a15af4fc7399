"""`world`: scale, ground, origin and north of a finished reconstruction."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from ...core.cameras.priors import read_named
from ...core.errors import InputError
from ...core.io.atomic import together
from ...core.jobs.job import find_result_folder
from ...core.jobs.warm_start import Solution
from ...core.reconstruction.depth_sampling import point_at
from ...core.reconstruction.result import AlignedView, Reconstruction
from ...core.world.ground_plane import Array
from ...core.world.transform import (
    ground_through,
    moved,
    north_along,
    on_the_ground,
    onto_ground,
    onto_known,
    origin_at,
    scaled,
    scaled_between,
    scaled_to_height,
)
from ..output import Output

HELP = "a finished reconstruction moved: ground, scale, origin, north (docs/results.md)"
AUTO = "auto"
PIXEL = "PHOTO:X,Y"  # a point as a photo shows it, in its pixels
Move = Callable[[Reconstruction], Array]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="a finished job, or its result; it is moved in place")
    onto = "move the cameras onto the poses of this cameras.json; two or more give the scale too"
    add("--known", type=Path, metavar="CAMERAS.json", help=onto)
    ground = f"{AUTO}: the largest level plane below the cameras; one point: level there; three or more: their plane"
    add("--ground", nargs="+", metavar=(f"{AUTO}|{PIXEL}", PIXEL), help=ground)
    how = parser.add_mutually_exclusive_group().add_argument
    how("--scale", type=float, metavar="FACTOR", help="lengths times this")
    how("--distance", nargs=3, metavar=(PIXEL, PIXEL, "LENGTH"), help="two points and how far they are apart")
    how("--camera-height", nargs=2, metavar=("PHOTO", "LENGTH"), help="how high above the ground a photo was taken")
    add("--origin", metavar=PIXEL, help="the point whose place becomes the origin; the ground keeps its height")
    add("--north", nargs=2, metavar=PIXEL, help="the way from the first point to the second is north")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Move a job's result, or a result's folder, and save the move for the job's next run. Raises InputError."""
    moves = dict(_moves(arguments))
    if not moves:
        raise InputError("Nothing would be moved; name --known, --ground, --scale, --origin or --north")
    folder = find_result_folder(arguments.folder)
    before = result = Reconstruction.load(folder)
    for choice, move in moves.items():
        result = moved(result, move(result), (choice,))
    solution = Solution.load(folder.parent)
    with together():
        result.save(folder)
        if solution is not None:
            way = result.world_frame.similarity @ np.linalg.inv(before.world_frame.similarity)
            solution.moved(way, result.world_frame.choices).save(folder.parent)
    output.result(str(folder), f"{', '.join(moves)} settled -> {folder}")


def _moves(arguments: argparse.Namespace) -> Iterator[tuple[str, Move]]:
    """(what is settled, the move that settles it), in the order in which the moves are applied."""
    if arguments.known:
        yield "cameras", lambda result: _onto_known(result, arguments)
    if arguments.ground:
        yield "ground", lambda result: _ground(result, arguments.ground)
    if arguments.scale is not None:
        yield "scale", lambda result: scaled(arguments.scale)
    elif arguments.distance:
        a, b, length = arguments.distance
        yield "scale", lambda result: scaled_between(_point(result, a), _point(result, b), _length(length))
    elif arguments.camera_height:
        name, height = arguments.camera_height
        yield "scale", lambda result: scaled_to_height(_view(result, name).cam2world, _length(height))
    if arguments.origin:
        yield "origin", lambda result: origin_at(_point(result, arguments.origin))
    if arguments.north:
        a, b = arguments.north
        yield "north", lambda result: north_along(_point(result, b) - _point(result, a))


def _onto_known(result: Reconstruction, arguments: argparse.Namespace) -> Array:
    known = read_named(arguments.known, {view.name: view.mapping.photo_size for view in result.views}, "pose")
    found = onto_known({view.name: view.cam2world for view in result.views}, known)
    if found is None:
        raise InputError(f"{arguments.known} knows no pose; give a cameras.json with cam2world (docs/photos.md)")
    return found


def _ground(result: Reconstruction, words: list[str]) -> Array:
    if words == [AUTO]:
        return on_the_ground(result)
    points = np.stack([_point(result, text) for text in words])
    return onto_ground(ground_through(points, np.stack([view.cam2world for view in result.views])), np.zeros(3))


def _point(result: Reconstruction, text: str) -> Array:
    """The world point of PHOTO:X,Y."""
    name, _, pixel = text.rpartition(":")
    with suppress(ValueError):
        x, y = map(float, pixel.split(","))
        return point_at(_view(result, name), (x, y))
    raise InputError(f"{text!r} is no point; write {PIXEL}, in the photo's pixels")


def _view(result: Reconstruction, name: str) -> AlignedView:
    found = next((view for view in result.views if view.name == name), None)
    if found is None:
        names = ", ".join(view.name for view in result.views[:8])
        raise InputError(f"{name!r} is none of the {len(result.views)} photos; name one of them ({names} ...)")
    return found


def _length(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < np.inf:
            return float(text)
    raise InputError(f"{text!r} is no length; give a number above 0")
