"""Pair predictions made elsewhere, read from one .npz file."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError, first_line
from ..images.pixel_mapping import PixelMapping
from ..images.preprocessing import View
from ..io.atomic import DAMAGED_ARRAYS
from ..io.validation import check_archive
from ..runtime.memory import reachable_memory
from ..scene_graph.edges import Edge
from .prediction import Prediction

REQUIRED = {"edges": 2, "pts_i": 4, "pts_j": 4, "conf_i": 3, "conf_j": 3}  # name -> dimensions
GREY = 200  # colour of points whose file brings no photos


@dataclass(frozen=True, slots=True)
class PairFile:
    """What such a file holds, in our conventions. Photos are named by their numbers."""

    views: tuple[View, ...]
    predictions: tuple[Prediction, ...]
    principal_points: tuple[tuple[float, float], ...]  # photo pixels, pixel centres at .5


def read_pairs(path: Path) -> PairFile:
    """Read edges (E, 2), pts_i, pts_j (E, H, W, 3), conf_i, conf_j (E, H, W) and, if there, rgb (N, H, W, 3) uint8.

    Such files count pixels from 0 at the first one's centre and have the principal point at (W/2, H/2); in our
    convention that is half a pixel further. Raises InputError, naming the file, for anything else.
    """
    arrays = _read_arrays(path)
    edges, (height, width) = arrays["edges"], arrays["conf_i"].shape[1:]
    count = int(edges.max()) + 1
    mapping = PixelMapping((width, height), (width, height))
    views = tuple(
        View(str(index), path, _image(arrays, index, (height, width)), np.ones((height, width), bool), mapping)
        for index in range(count)
    )
    tensors = [torch.from_numpy(arrays[name].astype(np.float32)) for name in ("pts_i", "pts_j", "conf_i", "conf_j")]
    predictions = tuple(
        Prediction(Edge(int(i), int(j)), *(tensor[e] for tensor in tensors)) for e, (i, j) in enumerate(edges)
    )
    return PairFile(views, predictions, ((width / 2 + 0.5, height / 2 + 0.5),) * count)


def _read_arrays(path: Path) -> dict[str, NDArray]:
    try:
        check_archive(path, reachable_memory() or sys.maxsize)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in (*REQUIRED, "rgb") if name in file}
    except DAMAGED_ARRAYS as error:
        raise InputError(
            f"{path} cannot be read as pair predictions ({first_line(error)}); give an .npz file"
        ) from error
    for name, dimensions in REQUIRED.items():
        if name not in arrays or arrays[name].ndim != dimensions:
            found = f"{name} has shape {arrays[name].shape}" if name in arrays else f"there is no {name}"
            raise InputError(f"{path} holds no pair predictions: {found}, expected {dimensions} dimensions")
    _check_shapes(path, arrays)
    return arrays


def _check_shapes(path: Path, arrays: dict[str, NDArray]) -> None:
    shape = arrays["conf_i"].shape
    expected = {"edges": (shape[0], 2), "pts_i": (*shape, 3), "pts_j": (*shape, 3), "conf_j": shape}
    for name, wanted in expected.items():
        if arrays[name].shape != wanted:
            raise InputError(f"{path} does not fit together: {name} has shape {arrays[name].shape}, expected {wanted}")
    edges = arrays["edges"]
    if edges.dtype.kind not in "iu" or 0 in shape or edges.min() < 0:
        raise InputError(f"{path} holds no usable edges; they must be pairs of photo numbers from 0")
    count = int(edges.max()) + 1
    if missing := sorted(set(range(count)) - set(edges.ravel().tolist())):
        raise InputError(f"{path} has no edge for photo {missing[0]}; number the photos from 0 without gaps")
    if "rgb" in arrays and arrays["rgb"].shape != (count, *shape[1:], 3):
        raise InputError(f"{path} does not fit together: rgb has shape {arrays['rgb'].shape}, not one photo per number")


def _image(arrays: dict[str, NDArray], index: int, shape: tuple[int, int]) -> torch.Tensor:
    colors = arrays["rgb"][index] if "rgb" in arrays else np.full((*shape, 3), GREY, np.uint8)
    return torch.from_numpy(colors.astype(np.float32)).permute(2, 0, 1) / 127.5 - 1
