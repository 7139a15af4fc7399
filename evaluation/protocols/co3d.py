"""CO3Dv2: turntable-like sequences of objects, with the selection of PoseDiffusion, which the paper follows."""

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError
from ...core.progress import Report
from ...core.settings import ReconstructionSettings
from .files import inside, pose, read_json
from .relative_poses import FRAMES, PosedFrame, examine_poses
from .task import Figures, Task, drawn

CATEGORIES = (
    *("apple", "backpack", "banana", "baseballbat", "baseballglove", "bench", "bicycle", "bottle", "bowl", "broccoli"),
    *("cake", "car", "carrot", "cellphone", "chair", "cup", "donut", "hairdryer", "handbag", "hydrant", "keyboard"),
    *("laptop", "microwave", "motorcycle", "mouse", "orange", "parkingmeter", "pizza", "plant", "stopsign"),
    *("teddybear", "toaster", "toilet", "toybus", "toyplane", "toytrain", "toytruck", "tv", "umbrella", "vase"),
    "wineglass",
)  # the 41 that trainings may see; their test sequences are examined
SET_LIST = Path("set_lists", "set_lists_fewview_dev.json")
QUALITY = 0.5  # viewpoint_quality_score of a sequence must be above
FEWEST = 50  # frames of a sequence
FAR = 1e5  # sum of a frame's T: a sequence with a greater one was reconstructed badly
TO_OPENCV = np.diag([-1.0, -1, 1])  # PyTorch3D's cameras: x left, y up, z forward


def co3d_tasks(root: Path) -> list[Task]:
    """One task for each test sequence; raises InputError when there is none, or a list cannot be read."""
    tasks = []
    for category in CATEGORIES:
        if (root / category / SET_LIST).is_file():
            for sequence, paths in _sequences(root / category).items():
                tasks.append(Task(category, sequence, partial(_examine, root, category, sequence, paths)))
    if not tasks:
        raise InputError(
            f"{root} holds no test sequence of CO3Dv2; give the folder of apple, ..., wineglass, each with {SET_LIST}"
        )
    return tasks


def _sequences(folder: Path) -> dict[str, list[str]]:
    """The paths, relative to the data set, of the frames of every test sequence that is good and long enough."""
    scores, frames = folder / "sequence_annotations.jgz", folder / SET_LIST
    try:
        annotations = read_json(scores, "a list of sequences")
        scored = {str(entry["sequence_name"]): entry["viewpoint_quality_score"] or 0 for entry in annotations}
        good = {name for name, score in scored.items() if score > QUALITY}
    except (KeyError, TypeError) as error:
        raise InputError(f"{scores} is no list of CO3Dv2 sequences ({error!r}); download it again") from error
    found: dict[str, list[str]] = {}
    try:
        for sequence, _, path in read_json(frames, "lists of frames")["test"]:
            found.setdefault(str(sequence), []).append(str(path))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{frames} is no set list of CO3Dv2 ({error!r}); download it again") from error
    return {name: paths for name, paths in sorted(found.items()) if name in good and len(paths) >= FEWEST}


def _examine(
    root: Path,
    category: str,
    sequence: str,
    paths: list[str],
    model: LoadedModel,
    settings: ReconstructionSettings,
    report: Report,
) -> Figures:
    """Ten frames at random; a sequence whose cameras went astray is left out."""
    annotations, cameras = root / category / "frame_annotations.jgz", _cameras(root, category)
    missing = [path for path in paths if path not in cameras]
    if missing:
        raise InputError(f"{annotations} has no camera of {missing[0]}; download it again")
    if any(np.sum(cameras[path][1]) > FAR for path in paths):
        return {}
    chosen = [paths[number] for number in drawn(FRAMES, len(paths), f"{category}/{sequence}", settings.alignment.seed)]
    frames = [PosedFrame(inside(root, path), _cam2world(*cameras[path], annotations)) for path in chosen]
    return examine_poses(frames, model, settings, report)


@lru_cache(maxsize=1)  # a category's file is large, and its sequences come one after another
def _cameras(root: Path, category: str) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """R (3, 3) and T (3,) of every frame with a camera, x_cam = x_world R + T in PyTorch3D's axes."""
    path = root / category / "frame_annotations.jgz"
    try:
        entries = read_json(path, "a list of frames")
        return {entry["image"]["path"]: _viewpoint(entry["viewpoint"]) for entry in entries if entry["viewpoint"]}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no list of CO3Dv2 frames ({error!r}); download it again") from error


def _viewpoint(entry: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(entry["R"], np.float64).reshape(3, 3), np.array(entry["T"], np.float64).reshape(3)


def _cam2world(R: NDArray[np.float64], T: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    """From x_cam = x_world R + T: columns of the rotation are the camera's axes in the world."""
    return pose(R @ TO_OPENCV, -R @ T, path)
