"""What a job folder remembers of its last run: what it was made of, and where every photo stood."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import file_digest, read_text, replacing, resolved
from .gauge import CHOICES, scale_of
from .job import Job
from .known_camera import FARTHEST
from .model.config import WEIGHTS
from .placement import Placement
from .reconstruction import Reconstruction
from .soundness import is_rigid
from .version import VERSION
from .world import moved_pose

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
        masks = {photo: f"+{file_digest(mask)}" for photo, mask in job.given.masks.items()}
        photos = {resolved(photo): file_digest(photo) + masks.get(resolved(photo), "") for photo in job.photos}
        return cls(photos, weights_digest(job.model))

    def recipe(self, job: Job) -> str:
        """Equal for two runs whose cameras differ only where their photos do."""
        settings = {name: value for name, value in job.settings.as_dict().items() if name not in FREE}
        known = job.given.named(self.photos).get("known")  # told otherwise, the search begins anew
        return _digest_of({"model": self.model, "settings": settings, "version": VERSION, "known": known})

    def fingerprint(self, job: Job) -> str:
        """Equal for two runs that must end with the same cameras and depths."""
        photos = [(str(photo), digest) for photo, digest in self.photos.items()]
        known = job.given.as_dict().get("known")  # of equal photos too each its own
        return _digest_of({"photos": photos, "recipe": self.recipe(job), "known": known})


@dataclass(frozen=True, slots=True)
class Solution:
    """Where the photos stood after a job's last run."""

    recipe: str  # how it was made
    fingerprint: str  # and of what
    placements: Mapping[str, Placement]  # by the photo's sha256
    choices: tuple[str, ...] = ()  # what the user has settled of that world (gauge.CHOICES)

    @classmethod
    def of(cls, result: Reconstruction, inputs: Inputs, job: Job) -> "Solution":
        """What is remembered of a result."""
        placements = {
            inputs.photos[view.path]: Placement(view.cam2world, float(np.median(view.depth)), view.component)
            for view in result.views
        }
        return cls(inputs.recipe(job), inputs.fingerprint(job), placements, result.gauge.choices)

    @classmethod
    def standing(cls, result: Reconstruction) -> "Solution":
        """Of no job: where those of a result's photos stand that are still there, and what is settled of its world."""
        placements = {
            file_digest(view.path): Placement(view.cam2world, float(np.nanmedian(view.depth)), view.component)
            for view in result.views
            if np.isfinite(view.depth).any()
        }
        placements.pop("", None)
        return cls("", "", placements, result.gauge.choices)

    def save(self, folder: Path) -> None:
        """Write it into a job folder; raises InputError when that is not possible."""
        placements = {
            digest: {"cam2world": place.cam2world.tolist(), "depth": place.depth, "component": place.component}
            for digest, place in self.placements.items()
        }
        content = {"format": FORMAT, "recipe": self.recipe, "fingerprint": self.fingerprint, "placements": placements}
        content["choices"] = self.choices
        with replacing(folder / "solution.json") as file:
            file.write(json.dumps(content, indent=1).encode())

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

    def before(self, inputs: Inputs, job: Job) -> dict[Path, Placement]:
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
