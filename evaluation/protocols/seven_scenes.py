"""7-Scenes: indoor sequences of a depth camera, with poses from its own reconstruction."""

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.cameras.posed_images import MILLIMETRE
from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError
from ...core.images.pixel_mapping import PixelMapping
from ...core.progress import Report
from ...core.settings import ReconstructionSettings
from .depth_maps import Depth, read_png_depth, values_at
from .files import pose, read_numbers, read_text
from .photo_map import MapPhoto, PhotoMap, Query
from .task import Figures, Task

SCENES = ("chess", "fire", "heads", "office", "pumpkin", "redkitchen", "stairs")
NEIGHBOURS = 1  # photos of the map that a query is compared with
SIZE = (640, 480)  # (width, height) of every photo
FOCAL = 525.0  # pixels, of the colour camera; the data set gives none, and this is what its users take
DEPTH_FOCAL = 585.0  # pixels, of the depth camera, as the data set says
UNKNOWN = 65.0  # metres and more: 65535 marks pixels without depth


def seven_scenes_tasks(root: Path) -> list[Task]:
    """One task for each test frame of each scene; raises InputError when there is none."""
    tasks = []
    for scene in (name for name in SCENES if (root / name / "TestSplit.txt").is_file()):
        folder = root / scene
        of_scene = PhotoMap(partial(_map_photos, folder), NEIGHBOURS)
        for frame in _frames(folder, "TestSplit.txt"):
            name = f"{frame.parent.name}/{frame.name}"
            tasks.append(Task(scene, name, partial(_examine, of_scene, frame)))
    if not tasks:
        raise InputError(f"{root} holds no scene of 7-Scenes; give the folder of {', '.join(SCENES)}")
    return tasks


def _examine(
    of_scene: PhotoMap, frame: Path, model: LoadedModel, settings: ReconstructionSettings, report: Report
) -> Figures:
    return of_scene.examine(Query(_file(frame, "color.png"), FOCAL, _cam2world(frame)), model, settings, report)


def _map_photos(folder: Path) -> list[MapPhoto]:
    return [
        MapPhoto(_file(frame, "color.png"), FOCAL, _cam2world(frame), partial(_depth, frame))
        for frame in _frames(folder, "TrainSplit.txt")
    ]


def _frames(folder: Path, split: str) -> list[Path]:
    """seq-01/frame-000000 and so on: every frame of a split's sequences. Raises InputError when one is not there."""
    found = []
    for line in filter(str.strip, read_text(folder / split, "lines such as sequence1").splitlines()):
        number = re.fullmatch(r"sequence\s*(\d+)", line.strip())
        if number is None:
            raise InputError(f"{folder / split} says {line.strip()[:40]!r}; its lines should be like sequence1")
        sequence = folder / f"seq-{int(number[1]):02d}"
        frames = sorted(sequence.glob("frame-*.color.png"))
        if not frames:
            zipped = f"{sequence.name}.zip"
            raise InputError(f"{sequence} has no photo like frame-000000.color.png; unpack the scene's {zipped} there")
        found += [path.with_name(path.name.removesuffix(".color.png")) for path in frames]
    return found


def _file(frame: Path, kind: str) -> Path:
    return frame.with_name(f"{frame.name}.{kind}")


def _cam2world(frame: Path) -> NDArray[np.float64]:
    path = _file(frame, "pose.txt")
    matrix = read_numbers(read_text(path, "a camera-to-world matrix"), (4, 4), path)
    return pose(matrix[:3, :3], matrix[:3, 3], path)


def _depth(frame: Path, mapping: PixelMapping) -> Depth:
    """(H, W), metres, at the network's pixels: of depth that was brought to the colour camera, else of the raw depth.

    Raw depth is taken from where the ray meets the depth camera's pixels, both cameras in one place.
    """
    registered = _file(frame, "depth.proj.png")
    path, zoom = (registered, 1.0) if registered.is_file() else (_file(frame, "depth.png"), DEPTH_FOCAL / FOCAL)
    depth = read_png_depth(path, MILLIMETRE)
    if mapping.photo_size != SIZE:
        raise InputError(f"{frame}.color.png is {mapping.photo_size} pixels large; the focals are those of {SIZE}")
    shape = np.array(depth.shape[::-1])
    pixels = (mapping.photo_pixels() - mapping.photo_centre) * zoom * shape / mapping.photo_size + shape / 2
    found = values_at(depth, pixels[..., 0], pixels[..., 1])
    return np.where((found > 0) & (found < UNKNOWN), found, np.nan)
