"""Features and verified matches of photos with pycolmap. Runs in a process of its own. Imports no torch."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..io.atomic import replacing
from .settings import FeaturePass, FeatureSettings

Step = Callable[[str, int, int], None]  # called with a stage, what is done and how much there is

FINDING, MATCHING = "Finding features", "Matching photos"


@dataclass(frozen=True, slots=True, eq=False)
class PairMatches:
    """The matches of two photos i < j that share an epipolar geometry."""

    i: int
    j: int
    indices: NDArray[np.uint32]  # (M, 2), keypoints of i and of j
    config: int  # pycolmap.TwoViewGeometryConfiguration: a turn alone, a plane, …


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Keypoints of N photos, in pixels of the shrunken photo with centres at .5, and the verified pairs."""

    keypoints: tuple[NDArray[np.float32], ...]  # N x (K, 2)
    pairs: tuple[PairMatches, ...]

    def save(self, path: Path) -> None:
        """Write them, whole or not at all; `load` reads them back the same."""
        counts = [len(keypoints) for keypoints in self.keypoints]
        heads = [(pair.i, pair.j, pair.config, len(pair.indices)) for pair in self.pairs]
        with replacing(path) as file:
            np.savez(
                file,
                counts=np.array(counts, dtype=np.int64),
                keypoints=np.concatenate([np.zeros((0, 2), np.float32), *self.keypoints]),
                heads=np.array(heads, dtype=np.int64).reshape(-1, 4),
                indices=np.concatenate([np.zeros((0, 2), np.uint32), *(pair.indices for pair in self.pairs)]),
            )

    @classmethod
    def load(cls, path: Path, photos: int) -> "Matches":
        """What `save` wrote of so many photos; raises one of DAMAGED_ARRAYS for anything else."""
        with np.load(path, allow_pickle=False) as file:
            counts, keypoints, heads, indices = (file[name] for name in ("counts", "keypoints", "heads", "indices"))
        if counts.shape != (photos,) or keypoints.dtype != np.float32 or indices.dtype != np.uint32:
            raise ValueError("they are of other photos")
        ends = np.cumsum(counts)
        starts = np.cumsum(heads[:, 3])
        if indices.shape != (heads[:, 3].sum(), 2):
            raise ValueError("their pairs are damaged")
        pairs = [
            PairMatches(int(i), int(j), part, int(config))
            for (i, j, config, _), part in zip(heads, np.split(indices, starts)[:-1], strict=True)
        ]
        if (counts < 0).any() or keypoints.shape != (counts.sum(), 2) or not np.isfinite(keypoints).all():
            raise ValueError("their keypoints are damaged")
        for pair in pairs:
            if not 0 <= pair.i < pair.j < photos or (pair.indices >= counts[[pair.i, pair.j]]).any():
                raise ValueError("their pairs are damaged")
        return cls(tuple(np.split(keypoints, ends)[:-1]), tuple(pairs))

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
    names: Sequence[str],
    known_focals: Sequence[float | None],
    long_side: int,
    edges: Sequence[tuple[int, int]],
    way: FeaturePass,
    settings: FeatureSettings,
    step: Step,
) -> Matches:
    """Find and match features of folder/images/NAME, where there is folder/masks under masks/NAME.png.

    Photos are numbered in the order of `names`, before any is looked at: the threads of an extraction end in any order,
    and what RANSAC finds depends on which of two photos is the first. known_focals: pixels; pairs of two photos that
    have one are verified with it. long_side: of the largest photo, pixels. edges: the pairs to match. A database is
    left in a new folder of its own below `folder`.
    """
    pycolmap = import_pycolmap()
    database = Path(mkdtemp(dir=folder)) / "matches.db"
    extraction = _extraction(pycolmap, long_side, way, settings)
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "SIMPLE_PINHOLE"
    if (folder / "masks").is_dir():
        reader.mask_path = folder / "masks"
    with pycolmap.Database.open(database):
        pass  # import_images asks for one that is there
    pycolmap.import_images(database, folder / "images", pycolmap.CameraMode.PER_IMAGE, names, reader)
    together = os.cpu_count() or 1
    for start in range(0, len(names), together):
        step(FINDING, start, len(names))
        pycolmap.extract_features(
            database,
            folder / "images",
            image_names=names[start : start + together],
            camera_mode=pycolmap.CameraMode.PER_IMAGE,
            reader_options=reader,
            extraction_options=extraction,
            device=pycolmap.Device.cpu,
        )
    ids = _tell_focals(pycolmap, database, names, known_focals)
    listing = database.with_name("pairs.txt")
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = listing
    verification = _verification(pycolmap, settings)
    for start in range(0, len(edges), 4 * together):
        step(MATCHING, start, len(edges))
        lines = [f"{names[i]} {names[j]}\n" for i, j in edges[start : start + 4 * together]]
        listing.write_text("".join(lines), encoding="utf-8")
        for matching in (_nearest(pycolmap, way), _verified(pycolmap, way)):
            pycolmap.match_image_pairs(
                database,
                matching_options=matching,
                pairing_options=pairing,
                verification_options=verification,
                device=pycolmap.Device.cpu,
            )
    return _read(pycolmap, database, ids, settings)


def _extraction(pycolmap: Any, long_side: int, way: FeaturePass, settings: FeatureSettings) -> Any:
    small = 2 * long_side <= settings.long_side
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    options.max_image_size = settings.long_side
    options.sift.first_octave = -1 if way.doubled or small else 0  # octave -1 is twice the size
    options.sift.peak_threshold = way.peak_threshold
    options.sift.max_num_features = way.most
    return options


def _nearest(pycolmap: Any, way: FeaturePass) -> Any:
    """Nearest neighbours alone, in one thread: the index in which several look is not the same each time."""
    options = pycolmap.FeatureMatchingOptions()
    options.use_gpu = False
    options.num_threads = 1
    options.skip_geometric_verification = True
    options.sift.max_ratio = way.ratio
    return options


def _verified(pycolmap: Any, way: FeaturePass) -> Any:
    """The epipolar geometry of matches that are found, and by it more of them where the pass is guided."""
    options = _nearest(pycolmap, way)
    options.num_threads = -1
    options.skip_geometric_verification = False
    options.guided_matching = way.guided
    return options


def _verification(pycolmap: Any, settings: FeatureSettings) -> Any:
    options = pycolmap.TwoViewGeometryOptions()
    options.min_num_inliers = settings.least_matches
    options.ransac.max_error = settings.pixel_error
    options.ransac.random_seed = settings.seed
    return options


def _tell_focals(
    pycolmap: Any, database: Path, names: Sequence[str], known_focals: Sequence[float | None]
) -> list[int]:
    """Write known focals, pixels, into the database; returns the photos' ids in it."""
    with pycolmap.Database.open(database) as opened:
        images = [opened.read_image_with_name(name) for name in names]
        for image, focal in zip(images, known_focals, strict=True):
            if focal is not None:
                camera = opened.read_camera(image.camera_id)
                camera.focal_length = focal
                camera.has_prior_focal_length = True
                opened.update_camera(camera)
        return [image.image_id for image in images]


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
                    pairs.append(PairMatches(i, j, indices, int(geometry.config)))
    return Matches(keypoints, tuple(pairs))
