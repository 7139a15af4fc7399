"""What a job folder remembers of its last run: what it was made of, and every photo's camera. Imports no torch."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import replacing
from .job import Job
from .reconstruction import AlignedView, Reconstruction
from .version import VERSION

FORMAT = 1
FREE = ("min_confidence", "device")  # settings that change no camera and no depth
MODEL_FILES = ("config.json", "model.safetensors")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The sha256 of every file that a result depends on; "" where a file cannot be read."""

    photos: Mapping[Path, str]  # by resolved path
    model: tuple[str, ...]

    @classmethod
    def of(cls, job: Job) -> "Inputs":
        """The files of a job as they are now."""
        model = [job.model / name for name in MODEL_FILES] if job.model.is_dir() else [job.model]
        return cls({photo.resolve(): _digest(photo) for photo in job.photos}, tuple(map(_digest, model)))

    def fingerprint(self, job: Job) -> str:
        """Equal for two runs that must end with the same cameras and depths."""
        settings = {name: value for name, value in job.settings.as_dict().items() if name not in FREE}
        photos = [(str(photo), digest) for photo, digest in self.photos.items()]
        content = {"photos": photos, "model": self.model, "settings": settings, "version": VERSION}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Camera:
    """One photo's part of a solution."""

    cam2world: NDArray[np.float64]  # (4, 4), rigid
    focal: float  # photo pixels
    scale: float  # median depth, scene units
    component: int  # cameras of different components share no world


@dataclass(frozen=True, slots=True)
class Solution:
    """The cameras of a job's last run."""

    fingerprint: str  # of what it was made of
    cameras: Mapping[str, Camera]  # by the photo's sha256

    @classmethod
    def of(cls, result: Reconstruction, inputs: Inputs, fingerprint: str) -> "Solution":
        """The cameras of a result."""
        return cls(fingerprint, {inputs.photos[view.path]: _camera(view) for view in result.views})

    def save(self, folder: Path) -> None:
        """Write it into a job folder; raises InputError when that is not possible."""
        cameras = {
            digest: {"cam2world": c.cam2world.tolist(), "focal": c.focal, "scale": c.scale, "component": c.component}
            for digest, c in self.cameras.items()
        }
        content = {"format": FORMAT, "fingerprint": self.fingerprint, "cameras": cameras}
        with replacing(folder / "solution.json") as file:
            file.write(json.dumps(content, indent=1).encode())

    @classmethod
    def load(cls, folder: Path) -> "Solution | None":
        """The solution of a job folder; None where there is none that can be read: then nothing is known."""
        try:
            content = json.loads((folder / "solution.json").read_text())
            if content["format"] != FORMAT:
                return None
            cameras = {digest: _read_camera(entry) for digest, entry in content["cameras"].items()}
            return cls(content["fingerprint"], cameras)
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, ValueError) as error:
            log.warning("The last solution cannot be read (%s)", error)
            return None

    def start(self, inputs: Inputs) -> dict[Path, NDArray[np.float64]]:
        """The poses known of a job's photos in the one world that most of them share."""
        known = {path: self.cameras[digest] for path, digest in inputs.photos.items() if digest in self.cameras}
        worlds = [camera.component for camera in known.values()]
        largest = max(sorted(set(worlds)), key=worlds.count, default=0)
        return {path: camera.cam2world for path, camera in known.items() if camera.component == largest}


def _camera(view: AlignedView) -> Camera:
    return Camera(view.cam2world, float(view.K[0, 0]), float(np.median(view.depth)), view.component)


def _read_camera(entry: dict[str, Any]) -> Camera:
    cam2world = np.array(entry["cam2world"], dtype=np.float64).reshape(4, 4)
    return Camera(cam2world, float(entry["focal"]), float(entry["scale"]), int(entry["component"]))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
