"""RealEstate10K: clips of walks through houses. Trajectories are distributed, frames are the user's own."""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError
from ...core.progress import Report
from ...core.settings import ReconstructionSettings
from .files import pose, read_numbers, read_text
from .relative_poses import FRAMES, PosedFrame, examine_poses
from .task import Figures, Task, drawn

GROUP = "test"
TRAJECTORIES = (Path("RealEstate10K", "test"), Path("test"))
FRAME_FOLDERS = (Path("frames", "test"), Path("RealEstate10K", "test"), Path("test"))
SUFFIXES = (".png", ".jpg")
COLUMNS = 19  # timestamp in microseconds; fx fy cx cy 0 0 in parts of the photo's sides; world2cam (3, 4), row by row


def re10k_tasks(root: Path) -> list[Task]:
    """One task for each test clip that has a folder of frames; raises InputError when there is none."""
    folder = next((root / one for one in TRAJECTORIES if any((root / one).glob("*.txt"))), None)
    if folder is None:
        raise InputError(f"{root} holds no trajectories of RealEstate10K; it should have test/<clip>.txt")
    tasks = []
    for clip in sorted(folder.glob("*.txt")):
        frames = next((root / one / clip.stem for one in FRAME_FOLDERS if (root / one / clip.stem).is_dir()), None)
        if frames is not None:
            tasks.append(Task(GROUP, clip.stem, partial(_examine, clip, frames)))
    if not tasks:
        raise InputError(
            f"{root} holds no frames of the clips in {folder}; put them into "
            f"{root / FRAME_FOLDERS[0]}/<clip>/<timestamp>.png"
        )
    return tasks


def _examine(clip: Path, folder: Path, model: LoadedModel, settings: ReconstructionSettings, report: Report) -> Figures:
    """Ten frames at random; a clip of which fewer are there is left out."""
    frames = _frames(clip, folder)
    if len(frames) < FRAMES:
        return {}
    chosen = drawn(FRAMES, len(frames), clip.stem, settings.alignment.seed)
    return examine_poses([frames[number] for number in chosen], model, settings, report)


def _frames(clip: Path, folder: Path) -> list[PosedFrame]:
    """The frames of a trajectory whose photos are there, in its order."""
    there = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES}
    lines = read_text(clip, "a trajectory").splitlines()[1:]  # the first is the video's address
    found = []
    for line in filter(str.strip, lines):
        numbers = read_numbers(line, (COLUMNS,), clip)
        photo = there.get(str(int(numbers[0])))
        if photo is not None:
            found.append(PosedFrame(photo, _cam2world(numbers[7:].reshape(3, 4), clip)))
    return found


def _cam2world(world2cam: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    R, t = world2cam[:, :3], world2cam[:, 3]
    return pose(R.T, -R.T @ t, path)
