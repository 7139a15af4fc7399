"""The classical pipeline, features to bundle adjustment, as pycolmap runs it. Imports no torch."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.images.reader import RARE_SUFFIXES, open_photo
from ...core.progress import Report, silent
from .clock import Clock
from .found import FoundPhoto

STAGES = {"Finding features": 30.0, "Matching features": 30.0, "Mapping": 40.0}
SEED = 0


def run_pycolmap(
    photos: Mapping[str, Path], folder: Path, report: Report = silent, permissive: bool = False
) -> tuple[dict[str, FoundPhoto], dict[str, float]]:
    """Photos by name -> what incremental mapping found of them, and its `Clock`'s figures; files stay in `folder`.

    Every option keeps its default, the seed excepted, unless permissive: then few matches and small angles are enough,
    matches are guided and all photos share a camera. Photos meet exhaustively, their focals are guessed (or taken from
    EXIF) and refined. The models come largest first, and a photo of two belongs to the larger. Lens distortion
    is left out of what is returned. Raises InputError where pycolmap is missing or the folder is used.
    """
    pycolmap, images, database = import_pycolmap(), folder / "images", folder / "database.db"
    used = [place.name for place in (database, images, folder / "sparse") if os.path.lexists(place)]
    if used:
        raise InputError(f"{folder} holds another run's {used[0]}; name a new folder")
    names = {_place_upright(path, images, k): name for k, (name, path) in enumerate(photos.items())}
    pycolmap.logging.minloglevel = int(pycolmap.logging.ERROR)
    pycolmap.set_random_seed(SEED)
    clock = Clock()
    report("Finding features", 0, 1)
    mode = pycolmap.CameraMode.SINGLE if permissive else pycolmap.CameraMode.AUTO
    pycolmap.extract_features(database, images, camera_mode=mode)
    report("Matching features", 0, 1)
    matching = pycolmap.FeatureMatchingOptions()
    if permissive:
        matching.sift.max_ratio, matching.guided_matching = 0.85, True
    pycolmap.match_exhaustive(database, matching_options=matching)
    models = _map(pycolmap, folder, len(names), report, permissive)
    took = clock.figures()
    report("Mapping", len(names), len(names))
    return {names[file]: photo for file, photo in _read(models).items()}, took


def import_pycolmap() -> Any:
    """The package, or an InputError that says how to get it."""
    try:
        import pycolmap
    except ImportError as error:
        raise InputError(
            f"The classical pipeline needs the package pycolmap ({error}); install it: pip install pycolmap"
        ) from error
    pycolmap.logging.logtostderr = True  # else into hidden files in the temporary folder, which stay
    return pycolmap


def _place_upright(path: Path, folder: Path, number: int) -> str:
    """The photo under a plain name in the folder: COLMAP passes over the EXIF turn, of which the true camera speaks.

    COLMAP reads no HEIC.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photo = open_photo(path)
    if photo.orientation == 1 and path.suffix.lower() not in RARE_SUFFIXES:
        file = folder / f"{number:05d}{path.suffix.lower()}"
        shutil.copy(path, file)
    else:
        file = folder / f"{number:05d}.png"
        photo.image.save(file)
    return file.name


def _map(pycolmap: Any, folder: Path, count: int, report: Report, permissive: bool) -> dict[int, Any]:
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = SEED
    if permissive:
        options.min_model_size, options.triangulation.ignore_two_view_tracks = 2, False
        options.mapper.init_min_num_inliers, options.mapper.init_min_tri_angle = 20, 2.0
        options.mapper.abs_pose_min_num_inliers, options.mapper.abs_pose_min_inlier_ratio = 12, 0.1
        options.mapper.init_max_forward_motion = 1.0
    tried = 0

    def another() -> None:
        nonlocal tried
        tried = min(tried + 1, count - 1)  # a photo may be tried in several models
        report("Mapping", tried, count)

    report("Mapping", 0, count)
    (folder / "sparse").mkdir(exist_ok=True)
    places = folder / "database.db", folder / "images", folder / "sparse"
    return pycolmap.incremental_mapping(*places, options, next_image_callback=another)


def _read(models: Mapping[int, Any]) -> dict[str, FoundPhoto]:
    found: dict[str, FoundPhoto] = {}
    largest_first = sorted(models.values(), key=lambda model: -model.num_reg_images())
    for component, model in enumerate(largest_first):
        for image in model.images.values():
            if image.has_pose and image.name not in found:
                found[image.name] = _photo(model, image, component)
    return found


def _photo(model: Any, image: Any, component: int) -> FoundPhoto:
    world2cam = np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]])
    seen = image.get_observation_points2D()
    pixels = np.array([point.xy for point in seen]).reshape(-1, 2)
    points = np.array([model.points3D[point.point3D_id].xyz for point in seen]).reshape(-1, 3)
    return FoundPhoto(image.camera.calibration_matrix(), np.linalg.inv(world2cam), component, pixels, points)
