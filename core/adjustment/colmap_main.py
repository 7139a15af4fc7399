"""What runs in pycolmap's own process: task.json and images of a folder in, result.npz out. Imports no torch."""

import json
import math
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..features.matching import Matches, match_photos
from ..io.atomic import DAMAGED_ARRAYS
from ..io.validation import record_of
from ..progress import WHOLE
from .mapping import Model, StartCamera, adjusted, candidates, refined
from .merging import merge, parts
from .settings import AdjustmentSettings
from .support import support

TASK = "task.json"
RESULT = "result.npz"
ARRAYS = (
    "world2cam",
    "K",
    "photo",
    "pixel",
    "point",
    "points",
    "bend",
)  # of a Model, in RESULT; none where there is no model
ADJUSTING = "Adjusting cameras"


def main(folder: str) -> None:
    """Do the folder's task; ends at once when the process that began it does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    content = json.loads((Path(folder) / TASK).read_text(encoding="utf-8"))
    start = [_start_camera(photo) for photo in content["photos"]]
    edges = [(int(i), int(j)) for i, j in content["edges"]]
    model = solve(Path(folder), content["names"], start, edges, record_of(AdjustmentSettings, content["settings"]))
    arrays: dict[str, Any] = {} if model is None else {name: getattr(model, name) for name in ARRAYS}
    np.savez(Path(folder) / RESULT, **arrays)


def solve(
    folder: Path,
    names: Sequence[str],
    start: Sequence[StartCamera],
    edges: Sequence[tuple[int, int]],
    settings: AdjustmentSettings,
) -> Model | None:
    """The model that most matches support, adjusted to its end; None where they support the network's cameras as well.

    Features are found more thoroughly until a model has a certain place for every photo.
    """
    models: list[Model] = []
    matches = Matches((), ())
    long_side = max(max(camera.width, camera.height) for camera in start)
    focals = [float(camera.K[0, 0]) if camera.focal_known else None for camera in start]
    for number, way in enumerate(settings.features.passes):
        try:
            matches = Matches.load(folder / matches_of(number), len(names))
        except DAMAGED_ARRAYS:  # or none
            matches = match_photos(folder, names, focals, long_side, edges, way, settings.features, _say)
            matches.save(folder / matches_of(number))
        for model in _models(matches, start, settings):
            models.append(model)
            if _is_complete(model, start, settings):
                break
        if any(_is_complete(model, start, settings) for model in models):
            break
    model = choose(models, matches, start, settings)
    return (
        None if model is None else refined(matches, start, model, settings, lambda share: _adjusting(0.5 + share / 2))
    )


def choose(
    models: Sequence[Model], matches: Matches, start: Sequence[StartCamera], settings: AdjustmentSettings
) -> Model | None:
    """The model with most support, where one with more freedom has to have `better` times that of one with less.

    A focal that was a guess costs what it does in `from_two`, which has weighed that of two photos: few photos agree on
    nearly any, with other places.
    None without models, and where the network's cameras have as much.
    """
    if not models:
        return None
    least = min(model.freedom for model in models)
    pull = settings.focal_pull if len(start) > 2 else 0.0
    rated = [(_support(matches, model.world2cam, model.K, settings), model) for model in models]
    weighed = [
        found * (1 - pull * _focal_change(model, start) ** 2) / (settings.better if model.freedom > least else 1)
        for found, model in rated
    ]
    best = int(np.argmax(weighed))
    network = np.stack([np.full((4, 4), np.nan) if camera.world2cam is None else camera.world2cam for camera in start])
    before = _support(matches, network, np.stack([camera.K for camera in start]), settings)
    return rated[best][1] if rated[best][0] > settings.better * before else None


def _models(matches: Matches, start: Sequence[StartCamera], settings: AdjustmentSettings) -> Iterator[Model]:
    """Those of shared focals, then, where these are a guess, of a focal for every photo; last of each, all as one.

    Two photos fit some pair of focals nearly always, so such models need a third with as certain a place.
    """
    tries = [list(start)]
    shared = len({camera.camera for camera in start}) < len(start)
    if shared and len(start) > 2 and not all(camera.focal_known or camera.lens_known for camera in start):
        tries.append([replace(camera, camera=index) for index, camera in enumerate(start)])
    for number, cameras in enumerate(tries):
        _adjusting(0.0)
        found: list[Model] = []
        for model in candidates(matches, cameras, settings, lambda share: _adjusting(share / 2)):
            if not number or np.count_nonzero(model.well_seen(settings)) > 2:
                found.append(model)
                yield model
        together = merge(cameras, found, settings)
        model = None if together is None else adjusted(matches, together, settings.rounds, settings)
        if model is not None:
            yield model


def _is_complete(model: Model, start: Sequence[StartCamera], settings: AdjustmentSettings) -> bool:
    """Whether every photo has a certain place among all others and every focal is one that may be."""
    likely = _focal_change(model, start) < math.log(settings.likely_focal)
    certain = model.placed.all() and model.well_seen(settings).all()
    return bool(certain and likely and not parts(model.photo, model.point, len(start), settings.photo_matches).any())


def _focal_change(model: Model, start: Sequence[StartCamera]) -> float:
    """Largest |log(focal / the network's)| of the placed photos whose focal is neither known nor from EXIF."""
    guessed = [index for index, camera in enumerate(start) if not (camera.focal_known or camera.lens_known)]
    changes = [abs(math.log(model.K[k, 0, 0] / start[k].K[0, 0])) for k in guessed if model.placed[k]]
    return max(changes, default=0.0)


def _support(matches: Matches, world2cam: NDArray[Any], K: NDArray[Any], settings: AdjustmentSettings) -> int:
    return int(support(matches, world2cam, K, settings.support_error).sum())


def _start_camera(photo: dict[str, Any]) -> StartCamera:
    """The camera of an entry of the task, whose matrices are lists."""
    matrices: dict[str, Any] = {
        name: None if photo[name] is None else np.array(photo[name], dtype=np.float64) for name in ("K", "world2cam")
    }
    return StartCamera(**photo | matrices)


def matches_of(number: int) -> str:
    """The file of the folder with the matches of a pass: kept from an earlier run, or made by this one."""
    return f"matches-{number}.npz"


def all_pairs(count: int) -> list[tuple[int, int]]:
    """Every pair (i, j) with i < j."""
    return list(combinations(range(count), 2))


def _adjusting(share: float) -> None:
    """share: of the adjustment that is done, 0 to 1; each start that is tried begins anew."""
    _say(ADJUSTING, round(WHOLE * share), WHOLE)


def _say(stage: str, done: int, total: int) -> None:
    sys.stdout.write(json.dumps([stage, done, total]) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    os.read(0, 1)  # sys.stdin would hold its lock when the interpreter ends
    os._exit(4)
