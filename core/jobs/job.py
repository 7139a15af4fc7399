"""A job folder on disk: photos, model and settings in, result out. Imports no torch."""

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..cameras.priors import NOTHING, Priors
from ..errors import InputError
from ..io.atomic import read_text, remove_abandoned, write_json
from ..io.validation import check_no_links, check_path
from ..reconstruction.result import Reconstruction
from ..settings import ReconstructionSettings

FORMAT = 1
OWN = (
    "job.json",
    "log.txt",
    "solution.json",
    "preview.npz",
    "result",
    "cache",
)  # what a run reads and writes in its folder
WRITTEN = re.compile(r"(job|begun|solution|reconstruction)\.json|(preview|arrays)\.npz|[^/]+\.npy")  # of it, whole


@dataclass(frozen=True, slots=True)
class Job:
    """What to reconstruct and how; the same file serves the panel, the command line and another machine."""

    photos: tuple[Path, ...]  # files, in the order of the result
    model: Path  # a checkpoint: folder or file
    settings: ReconstructionSettings
    cache: Path | None = (
        None  # where what the network says is kept from job to job (core/jobs/disk_cache.py); None: in the job
    )
    priors: Priors = NOTHING

    def save(self, folder: Path) -> None:
        """Write the job into a folder; raises InputError when that is not possible."""
        content = {
            "format": FORMAT,
            "photos": [str(photo) for photo in self.photos],
            "model": str(self.model),
            "settings": self.settings.as_dict(),
            "cache": str(self.cache) if self.cache else None,
            **self.priors.as_dict(),
        }
        write_json(folder / "job.json", content)

    @classmethod
    def load(cls, folder: Path) -> "Job":
        """Read what `save` wrote; raises InputError when the folder holds no job of this version."""
        path = folder / "job.json"
        try:
            check_no_links(folder, OWN)
            content = json.loads(read_text(path))
            if content["format"] != FORMAT:
                raise InputError(f"{path} was written by another version (format {content['format']}, not {FORMAT})")
            photos = tuple(check_path(photo) for photo in content["photos"])
            settings, cache = ReconstructionSettings.from_dict(content["settings"]), content.get("cache")
            cache, priors = check_path(cache) if cache else None, Priors.from_dict(content)
            return cls(photos, check_path(content["model"]), settings, cache, priors)
        except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{path} is no job that can be read ({error}); start it again") from error


def check_folder(folder: Path) -> None:
    """Raise InputError where a link or a pipe takes the place of what a run reads and writes in its folder."""
    try:
        check_no_links(folder, OWN)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} cannot be a job folder ({error}); choose another") from error


def result_folder(folder: Path) -> Path:
    """Where a job leaves its Reconstruction."""
    return folder / "result"


def cache_folder(folder: Path) -> Path:
    """Where a job keeps what the network has said, by model: whole it saves work, removed it costs work only."""
    return folder / "cache"


def with_cache(job: Job, folder: Path, named: Path | None) -> Job:
    """The folder's job with a cache that may be used: one inside of its folder, or, for any other, the one `named`.

    A job.json may come from a stranger, and folders are made where its cache is. Raises InputError for a cache
    elsewhere without one that this user has named.
    """
    if job.cache is None or _lies_in(job.cache, folder):
        return job
    if named is None:
        raise InputError(
            f"{folder / 'job.json'} names a cache outside of the job folder, {job.cache}; name the cache to use, "
            "this one or another, with --cache"
        )
    return replace(job, cache=named)


def _lies_in(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle, and names that are too long
        return False


def forget_result(folder: Path) -> None:
    """Make sure that the job folder holds no finished result."""
    head = result_folder(folder) / "reconstruction.json"
    try:
        head.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"Cannot remove {head}: {error.strerror or error}; choose another job folder") from error


def forget_half_written(folder: Path) -> None:
    """Remove what killed runs have left half written; what others are writing there now stays."""
    for place in (folder, result_folder(folder), *(Path(place) for place, _, _ in os.walk(cache_folder(folder)))):
        remove_abandoned(place, WRITTEN)


def log_file(folder: Path) -> Path:
    """Where a job writes down what happened, in detail."""
    return folder / "log.txt"


def preview_file(folder: Path) -> Path:
    """Where a job that somebody looks at leaves how it looks by now."""
    return folder / "preview.npz"


def find_result(folder: Path) -> Reconstruction:
    """The Reconstruction of a job's folder or of a result's own; raises InputError when there is none."""
    return Reconstruction.load(find_result_folder(folder))


def find_result_folder(folder: Path) -> Path:
    """Where the Reconstruction of a job's folder, or of a result's own, lies or would lie; raises InputError."""
    with suppress(OSError):  # where the name is too long, or the folder is nobody's to read
        if (folder / "reconstruction.json").is_file():
            return folder
    return _own_result(folder)


def _own_result(folder: Path) -> Path:
    """Where a job's result lies or would lie; raises InputError for a link: it may lead anywhere."""
    found = result_folder(folder)
    with suppress(OSError):
        if found.is_symlink():
            raise InputError(f"{found} is a link to elsewhere; name the folder that it leads to")
    return found


def load_result(folder: Path) -> Reconstruction:
    """The Reconstruction that a finished job left; raises InputError when there is none."""
    return Reconstruction.load(_own_result(folder))
