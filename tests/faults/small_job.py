"""The smallest job there is: two small photos, the bundled model, a few steps; less than a second."""

import hashlib
import json
from pathlib import Path

from dust3r.core.jobs.job import Job, find_result
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
NAMES = ("studio_01.jpg", "studio_02.jpg")
ITERATIONS = 5


def write_photos(folder: Path) -> tuple[Path, ...]:
    """The photos, 128 pixels wide, into a folder that may be new."""
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        with Image.open(STUDIO / name) as photo:
            photo.resize((photo.width // 4, photo.height // 4)).save(folder / name)
    return tuple(folder / name for name in NAMES)


def small_job(photos: tuple[Path, ...], cache: Path | None = None) -> Job:
    settings = ReconstructionSettings(device="cpu", alignment=AlignmentSettings(iterations=ITERATIONS))
    return Job(photos, ROOT / "models" / "small", settings, cache)


def cameras_of(folder: Path) -> str:
    """The hash of a job's cameras.json."""
    return hashlib.sha256(json.dumps(find_result(folder).cameras(), sort_keys=True).encode()).hexdigest()
