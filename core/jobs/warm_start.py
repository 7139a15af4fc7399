"""What a job folder remembers of its last run, and a new solution laid onto the world of an earlier one."""

import hashlib
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..alignment.estimate import PhotoEstimate, Placement
from ..geometry.similarity import register_points, register_robustly
from ..io.atomic import file_digest, read_text, resolved, write_json
from ..io.validation import FARTHEST, is_rigid
from ..networks.dust3r.config import WEIGHTS
from ..reconstruction.result import Reconstruction
from ..reconstruction.world_frame import CHOICES, scale_of
from ..version import VERSION
from ..world.ground_plane import QUICK, Array
from ..world.transform import floor_down, grounded, is_pinned, moved, moved_pose
from .job import Job

FORMAT = 1
FREE = ("min_confidence", "hide", "device", "ground")  # settings that change no camera in the alignment's world

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The sha256 of every file that a result depends on; "" where a file cannot be read."""

    photos: Mapping[Path, str]  # by resolved path; of the photo, and its mask's behind a "+" where it has one
    model: str  # of the weights

    @classmethod
    def of(cls, job: Job) -> "Inputs":
        """The files of a job as they are now."""
        masks = {photo: f"+{file_digest(mask)}" for photo, mask in job.priors.masks.items()}
        photos = {resolved(photo): file_digest(photo) + masks.get(resolved(photo), "") for photo in job.photos}
        return cls(photos, weights_digest(job.model))

    def recipe(self, job: Job) -> str:
        """Equal for two runs whose cameras differ only where their photos do."""
        settings = {name: value for name, value in job.settings.as_dict().items() if name not in FREE}
        known = job.priors.named(self.photos).get("known")  # told otherwise, the search begins anew
        return _digest_of({"model": self.model, "settings": settings, "version": VERSION, "known": known})

    def fingerprint(self, job: Job) -> str:
        """Equal for two runs that must end with the same cameras and depths."""
        photos = [(str(photo), digest) for photo, digest in self.photos.items()]
        known = job.priors.as_dict().get("known")  # of equal photos too each its own
        return _digest_of({"photos": photos, "recipe": self.recipe(job), "known": known})


@dataclass(frozen=True, slots=True)
class Solution:
    """Where the photos stood after a job's last run."""

    recipe: str  # how it was made
    fingerprint: str  # and of what
    placements: Mapping[str, Placement]  # by the photo's sha256
    choices: tuple[str, ...] = ()  # what the user has settled of that world (world_frame.CHOICES)

    @classmethod
    def of(cls, result: Reconstruction, inputs: Inputs, job: Job) -> "Solution":
        """What is remembered of a result."""
        placements = {
            inputs.photos[view.path]: Placement(view.cam2world, float(np.median(view.depth)), view.component)
            for view in result.views
        }
        return cls(inputs.recipe(job), inputs.fingerprint(job), placements, result.world_frame.choices)

    @classmethod
    def standing(cls, result: Reconstruction) -> "Solution":
        """Of no job: where those of a result's photos stand that are still there, and what is settled of its world."""
        placements = {
            file_digest(view.path): Placement(view.cam2world, float(np.nanmedian(view.depth)), view.component)
            for view in result.views
            if np.isfinite(view.depth).any()
        }
        placements.pop("", None)
        return cls("", "", placements, result.world_frame.choices)

    def save(self, folder: Path) -> None:
        """Write it into a job folder; raises InputError when that is not possible."""
        placements = {
            digest: {"cam2world": place.cam2world.tolist(), "depth": place.depth, "component": place.component}
            for digest, place in self.placements.items()
        }
        content = {"format": FORMAT, "recipe": self.recipe, "fingerprint": self.fingerprint, "placements": placements}
        content["choices"] = self.choices
        write_json(folder / "solution.json", content)

    @classmethod
    def load(cls, folder: Path) -> "Solution | None":
        """The solution of a job folder; None where there is none that can be read: then nothing is known."""
        try:
            content = json.loads(read_text(folder / "solution.json"))
            if content["format"] != FORMAT:
                return None
            placements = {digest: _placement(**entry) for digest, entry in content["placements"].items()}
            choices = tuple(choice for choice in CHOICES if choice in content.get("choices", ()))
            return cls(content["recipe"], content["fingerprint"], placements, choices)
        except FileNotFoundError:
            return None
        except (OSError, AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            log.warning("The last solution cannot be read (%s)", error)
            return None

    def moved(self, similarity: NDArray[np.float64], choices: tuple[str, ...]) -> "Solution":
        """The same after its world was moved by a similarity (4, 4), and has these choices settled."""
        scale = scale_of(similarity)
        placements = {
            digest: replace(place, cam2world=moved_pose(place.cam2world, similarity), depth=place.depth * scale)
            for digest, place in self.placements.items()
        }
        return replace(self, placements=placements, choices=choices)

    def warm_start(self, inputs: Inputs, job: Job) -> dict[Path, Placement]:
        """Where a job's photos stood, if it differs from this solution's in its photos, and in them alone."""
        if self.recipe != inputs.recipe(job) or self.fingerprint == inputs.fingerprint(job):
            return {}
        return {path: self.placements[digest] for path, digest in inputs.photos.items() if digest in self.placements}


def _placement(cam2world: list[list[float]], depth: float, component: int) -> Placement:
    pose = np.array(cam2world, dtype=np.float64)
    if not is_rigid(pose) or not 0 < depth < FARTHEST:
        raise ValueError("a photo stood nowhere")
    return Placement(pose, float(depth), int(component))


def _digest_of(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def weights_digest(model: Path) -> str:
    """The sha256 of a checkpoint's weights: of a file, or of a folder's."""
    return file_digest(model / WEIGHTS) or file_digest(model)


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


def stays_in_its_world(job: Job, last: Solution | None) -> bool:
    """Whether known poses, or what the user settled for the job's last result, say where the next one stands."""
    return _has_poses(job) or (last is not None and bool(last.choices))


def _has_poses(job: Job) -> bool:
    return any(camera.cam2world is not None for camera in job.priors.cameras.values())


def world_to_come(inputs: Inputs, job: Job, last: Solution | None, estimates: Mapping[Path, PhotoEstimate]) -> Array:
    """The similarity (4, 4) by which `in_its_world` would move a result with these estimates; quick."""
    if _has_poses(job):
        return np.eye(4)
    if last is not None and last.choices:
        new = {_photo_alone(inputs.photos[path.resolve()]): one.placement for path, one in estimates.items()}
        found = onto_earlier(new, _by_photo(last))
        if found is not None:
            return found
    if job.settings.ground != "auto" or len(estimates) < 2:
        return np.eye(4)
    main = _largest_component(estimates.values())
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


def _largest_component(estimates: Collection[PhotoEstimate]) -> list[PhotoEstimate]:
    components = [one.component for one in estimates]
    largest = max(components, key=components.count)
    return [one for one in estimates if one.component == largest]


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
    return found.matrix


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
