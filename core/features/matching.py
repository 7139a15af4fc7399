"""Features and verified matches of photos with pycolmap. Runs in a process of its own. Imports no torch."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .settings import FeaturePass, FeatureSettings

Step = Callable[[str, int, int], None]  # called with a stage, what is done and how much there is

FINDING, MATCHING = "Finding features", "Matching photos"


@dataclass(frozen=True, slots=True, eq=False)
class PairMatches:
    """The matches of two photos i < j that share an epipolar geometry."""

    i: int
    j: int
    indices: NDArray[np.uint32]  # (M, 2), keypoints of i and of j
    geometry: Any  # pycolmap.TwoViewGeometry


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Keypoints of N photos, in pixels of the shrunken photo with centres at .5, and the verified pairs."""

    keypoints: tuple[NDArray[np.float32], ...]  # N x (K, 2)
    pairs: tuple[PairMatches, ...]

    def of(self, pair: PairMatches) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(M, 2) pixels in the first and in the second photo of a pair."""
        first, second = self.keypoints[pair.i], self.keypoints[pair.j]
        return first[pair.indices[:, 0]].astype(np.float64), second[pair.indices[:, 1]].astype(np.float64)


def import_pycolmap() -> Any:
    """The package, silent and repeatable. Raises ImportError where there is none."""
    import pycolmap

    pycolmap.logging.logtostderr = True  # else into hidden files of the temporary folder, which stay
    pycolmap.logging.minloglevel = int(pycolmap.logging.ERROR)
    pycolmap.set_random_seed(0)
    return pycolmap


def match_photos(
    folder: Path,
    database: Path,
    names: Sequence[str],
    known_focals: Sequence[float | None],
    long_side: int,
    edges: Sequence[tuple[int, int]],
    way: FeaturePass,
    settings: FeatureSettings,
    step: Step,
) -> Matches:
    """Find and match features of folder/images/NAME, under folder/masks/NAME.png where there is
    that folder.

    known_focals: pixels; pairs of two photos that have one are verified with it; edges: the pairs to match.
    """
    pycolmap = import_pycolmap()
    _find(pycolmap, folder, database, names, 2 * long_side <= settings.long_side, way, settings, step)
    with pycolmap.Database.open(database) as opened:
        ids = [opened.read_image_with_name(name).image_id for name in names]
        for image_id, focal in zip(ids, known_focals, strict=True):
            if focal is not None:
                camera = opened.read_camera(opened.read_image(image_id).camera_id)
                camera.focal_length, camera.has_prior_focal_length = focal, True
                opened.update_camera(camera)
    _match(pycolmap, folder, database, [(names[i], names[j]) for i, j in edges], way, settings, step)
    return _read(pycolmap, database, ids, settings)


def _find(
    pycolmap: Any,
    folder: Path,
    database: Path,
    names: Sequence[str],
    small: bool,
    way: FeaturePass,
    settings: FeatureSettings,
    step: Step,
) -> None:
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu, options.num_threads = False, -1
    options.max_image_size = settings.long_side
    options.sift.first_octave = -1 if way.doubled or small else 0  # octave -1 is twice the size
    options.sift.peak_threshold = way.peak_threshold
    options.sift.max_num_features = way.most
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "SIMPLE_PINHOLE"
    if (folder / "masks").is_dir():
        reader.mask_path = folder / "masks"
    together = os.cpu_count() or 1
    for start in range(0, len(names), together):
        step(FINDING, start, len(names))
        pycolmap.extract_features(
            database,
            folder / "images",
            image_names=names[start : start + together],
            camera_mode=pycolmap.CameraMode.PER_IMAGE,
            reader_options=reader,
            extraction_options=options,
            device=pycolmap.Device.cpu,
        )


def _match(
    pycolmap: Any,
    folder: Path,
    database: Path,
    pairs: Sequence[tuple[str, str]],
    way: FeaturePass,
    settings: FeatureSettings,
    step: Step,
) -> None:
    options = pycolmap.FeatureMatchingOptions()
    options.use_gpu, options.num_threads = False, -1
    options.guided_matching = way.guided
    options.sift.max_ratio = way.ratio
    verification = pycolmap.TwoViewGeometryOptions()
    verification.min_num_inliers = settings.least_matches
    verification.ransac.max_error = settings.pixel_error
    verification.ransac.random_seed = settings.seed
    together = 4 * (os.cpu_count() or 1)
    for start in range(0, len(pairs), together):
        step(MATCHING, start, len(pairs))
        listing = folder / "pairs.txt"
        listing.write_text("".join(f"{a} {b}\n" for a, b in pairs[start : start + together]), encoding="utf-8")
        pairing = pycolmap.ImportedPairingOptions()
        pairing.match_list_path = listing
        pycolmap.match_image_pairs(
            database,
            matching_options=options,
            pairing_options=pairing,
            verification_options=verification,
            device=pycolmap.Device.cpu,
        )


def _read(pycolmap: Any, database: Path, ids: Sequence[int], settings: FeatureSettings) -> Matches:
    with pycolmap.Database.open(database) as opened:
        keypoints = tuple(opened.read_keypoints(image_id)[:, :2] for image_id in ids)
        pairs = []
        for i, first in enumerate(ids):
            for j in range(i + 1, len(ids)):
                if not opened.exists_two_view_geometry(first, ids[j]):
                    continue
                geometry = opened.read_two_view_geometry(first, ids[j])
                indices = np.asarray(geometry.inlier_matches, dtype=np.uint32).reshape(-1, 2)
                if len(indices) >= settings.least_matches:
                    pairs.append(PairMatches(i, j, indices, geometry))
    return Matches(keypoints, tuple(pairs))
