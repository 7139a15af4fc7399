"""A new solution laid onto the world of an earlier one, by the photos that both hold."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from .geometry.similarity import register_points, register_robustly
from .ground import QUICK, Array
from .job import Job
from .placement import Placement
from .preview import Standing
from .reconstruction import Reconstruction
from .solution import Inputs, Solution
from .world import floor_down, grounded, is_pinned, moved

ENOUGH = 3  # cameras that can outvote one
MOST_READ = 4000  # points that the ground of what is still coming together is looked for in


def in_its_world(result: Reconstruction, inputs: Inputs, job: Job, last: Solution | None) -> Reconstruction:
    """A new result in the world that the user settled for the job's last one, else in the one its settings ask for.

    Worlds of known poses stay as they are.
    """
    if last is not None and last.choices and not is_pinned(result):
        found = onto_earlier(_by_photo(Solution.of(result, inputs, job)), _by_photo(last))
        if found is not None:
            return moved(result, found, last.choices)
    return grounded(result)


def world_to_come(inputs: Inputs, job: Job, last: Solution | None, standings: Mapping[Path, Standing]) -> Array:
    """The similarity (4, 4) by which `in_its_world` would move a result whose photos stand like this; quick."""
    if any(camera.cam2world is not None for camera in job.given.cameras.values()):
        return np.eye(4)
    if last is not None and last.choices:
        new = {_photo_alone(inputs.photos[path.resolve()]): one.placement for path, one in standings.items()}
        found = onto_earlier(new, _by_photo(last))
        if found is not None:
            return found
    if job.settings.ground != "auto" or len(standings) < 2:
        return np.eye(4)
    main = _largest_component(standings.values())
    share = MOST_READ // len(main) + 1
    points = np.concatenate([one.points[:: 1 + len(one.depth) // share] for one in main])
    depth = float(np.median(np.concatenate([one.depth for one in main]))) if len(points) else 1.0
    return floor_down(np.stack([one.placement.cam2world for one in main]), points, depth, QUICK)


def remembered(last: Solution | None, settled: Solution) -> Solution:
    """What the next job begins with: the last one's solution, in the world that the user has settled meanwhile."""
    found = onto_earlier(_by_photo(last), _by_photo(settled)) if last is not None else None
    return settled if last is None or found is None else last.moved(found, settled.choices)


def _by_photo(solution: Solution) -> dict[str, Placement]:
    """Its placements by the photos alone, whatever their masks."""
    return {_photo_alone(digest): placement for digest, placement in solution.placements.items()}


def _photo_alone(digest: str) -> str:
    return digest.partition("+")[0]


def _largest_component(standings: Collection[Standing]) -> list[Standing]:
    components = [one.component for one in standings]
    largest = max(components, key=components.count)
    return [one for one in standings if one.component == largest]


def onto_earlier(new: Mapping[str, Placement], earlier: Mapping[str, Placement]) -> Array | None:
    """The similarity (4, 4) that carries photos' new places onto their earlier ones best; None where none is shared.

    Each camera stands for four points: its centre, and those at its median depth along its axes. Thus one photo is
    enough, for the scale too, and of many those that found another place have no say (Cauchy's loss).
    """
    shared = _most_shared(new, earlier)
    if not shared:
        return None
    source = np.concatenate([_corners(new[name]) for name in shared])
    target = np.concatenate([_corners(earlier[name]) for name in shared])
    depth = np.repeat([earlier[name].depth for name in shared], 4)
    if len(shared) < ENOUGH:
        found = register_points(source, target, 1 / depth**2)
    else:
        found, _ = register_robustly(source, target, np.ones(len(depth)), depth)
    similarity = np.eye(4)
    similarity[:3, :3], similarity[:3, 3] = found.scale * found.R, found.translation
    return similarity


def _most_shared(new: Mapping[str, Placement], earlier: Mapping[str, Placement]) -> list[str]:
    """The photos of the pair of components, a new and an earlier one, that share the most."""
    groups: dict[tuple[int, int], list[str]] = {}
    for name, placement in new.items():
        if name in earlier:
            groups.setdefault((placement.component, earlier[name].component), []).append(name)
    return max(groups.values(), key=len, default=[])


def _corners(placement: Placement) -> Array:
    """(4, 3), world."""
    corners = placement.depth * np.concatenate([np.zeros((1, 3)), np.eye(3)])
    return corners @ placement.cam2world[:3, :3].T + placement.cam2world[:3, 3]
