"""NYU Depth v2: the 654 test photos of the labelled part, from its own .mat file or unpacked into folders."""

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...core.cameras.posed_images import FAILURES, MILLIMETRE
from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError, first_line
from ...core.images.preprocessing import View, load_view
from ...core.pipeline.reconstruct import framing_of
from ...core.progress import Report
from ...core.settings import ReconstructionSettings
from .depth_maps import Depth, known_depth, read_png_depth
from .files import read_mat
from .single_photos import examine_depth
from .task import Figures, Task

GROUP = "test"
LABELLED, SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
UNPACKED = (Path("official_splits", "test"), Path("test"), Path())
SIZE = (480, 640)  # (H, W) of every photo and depth map
CROP = (slice(45, 471), slice(41, 601))  # rows and columns that count (Eigen et al. 2014)
FARTHEST = 10.0  # metres: the sensor's reach; true depth beyond does not count


def nyu_tasks(root: Path) -> list[Task]:
    """One task for each test photo; raises InputError when there is none."""
    if (root / LABELLED).is_file():
        return [Task(GROUP, f"{number:05d}", partial(_examine_labelled, root, number)) for number in _numbers(root)]
    for folder in (root / one for one in UNPACKED):
        photos = sorted(folder.glob("*/rgb_*.jpg"))
        if photos:
            return [Task(GROUP, f"{path.parent.name}/{path.stem}", partial(_examine_file, path)) for path in photos]
    raise InputError(
        f"{root} holds no test photos of NYU Depth v2; give the folder of {LABELLED} and {SPLITS}, "
        f"or of {UNPACKED[0].as_posix()}/<scene>/rgb_*.jpg and sync_depth_*.png"
    )


def _examine_file(photo: Path, model: LoadedModel, settings: ReconstructionSettings, report: Report) -> Figures:
    true = read_png_depth(photo.with_name(photo.name.replace("rgb_", "sync_depth_")).with_suffix(".png"), MILLIMETRE)
    return _examine(load_view(photo, framing_of(model.config)), true, photo, model, report)


def _examine_labelled(
    root: Path, number: int, model: LoadedModel, settings: ReconstructionSettings, report: Report
) -> Figures:
    path = root / LABELLED
    with _labelled(path) as arrays:
        # MATLAB's H x W x 3 x N, which HDF5 holds the other way round.
        colors, depth = np.asarray(arrays["images"][number]).T, np.asarray(arrays["rawDepths"][number]).T
    return _examine(_as_view(colors, model), known_depth(depth), path, model, report)


def _examine(view: View, true: Depth, path: Path, model: LoadedModel, report: Report) -> Figures:
    if true.shape != SIZE:
        raise InputError(f"{path} has true depth of shape {true.shape}; NYU Depth v2 has {SIZE}")
    counted = np.zeros(SIZE, dtype=np.float32)
    counted[CROP] = np.where(true < FARTHEST, true, 0)[CROP]
    return examine_depth(view, counted, model, report)


def _numbers(root: Path) -> list[int]:
    """The test photos' places in the file, from 0."""
    (numbers,) = read_mat(root / SPLITS, ("testNdxs",))
    return sorted(int(number) - 1 for number in numbers.ravel())


@contextmanager
def _labelled(path: Path) -> Iterator[Any]:
    """The .mat file's arrays; raises InputError where it, or the package that reads it, is missing or damaged."""
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise InputError(f"{path} needs the package h5py; install it, or unpack the file into folders") from error
    try:
        with h5py.File(path, "r") as arrays:
            yield arrays
    except FAILURES as error:
        raise InputError(f"{path} cannot be read ({first_line(error)}); download it again") from error


def _as_view(colors: np.ndarray, model: LoadedModel) -> View:
    """A picture (H, W, 3) by the one way that leads from photos to the network: a file."""
    with tempfile.TemporaryDirectory(prefix="dust3r-") as folder:
        path = Path(folder, "photo.png")
        Image.fromarray(np.ascontiguousarray(colors, dtype=np.uint8)).save(path)
        return load_view(path, framing_of(model.config))
