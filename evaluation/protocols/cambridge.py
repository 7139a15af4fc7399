"""Cambridge Landmarks: outdoor sequences with cameras and sparse points by VisualSFM."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError
from ...core.images.pixel_mapping import PixelMapping
from ...core.progress import Report
from ...core.settings import ReconstructionSettings
from .depth_maps import Depth
from .files import inside, pose, quaternion_matrix, read_numbers, read_text
from .photo_map import MapPhoto, PhotoMap, Query
from .task import Figures, Task

SCENES = ("GreatCourt", "KingsCollege", "OldHospital", "ShopFacade", "StMarysChurch")
NEIGHBOURS = 20  # photos of the map that a query is compared with
HEAD = 3  # lines before the first photo of dataset_train.txt and dataset_test.txt
MODEL = "reconstruction.nvm"
BEYOND = 1.01  # of half a photo: measurements lie within, but for their rounding
CAMERA, PER_POINT, PER_MEASUREMENT = 10, 7, 4  # numbers of a camera, of a point, and of each place it was seen at

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SparseView:
    """What a sparse reconstruction knows of one photo; P points."""

    focal: float  # photo pixels
    points: Array  # (P, 3), world
    centred: Array  # (P, 2), pixels relative to the photo's centre


def cambridge_tasks(root: Path) -> list[Task]:
    """One task for each test photo of each scene; raises InputError when there is none."""
    tasks = []
    for scene in (name for name in SCENES if (root / name / "dataset_test.txt").is_file()):
        folder = root / scene
        of_scene = PhotoMap(partial(_map_photos, folder), NEIGHBOURS)
        for name, cam2world in _posed(folder, "dataset_test.txt").items():
            tasks.append(Task(scene, name, partial(_examine, of_scene, folder, name, cam2world)))
    if not tasks:
        raise InputError(f"{root} holds no scene of Cambridge Landmarks; give the folder of {', '.join(SCENES)}")
    return tasks


def _examine(
    of_scene: PhotoMap,
    folder: Path,
    name: str,
    cam2world: Array,
    model: LoadedModel,
    settings: ReconstructionSettings,
    report: Report,
) -> Figures:
    view = read_nvm(folder / MODEL).get(_stem(name))
    query = Query(inside(folder, name), view.focal if view else None, cam2world)
    return of_scene.examine(query, model, settings, report)


def _map_photos(folder: Path) -> list[MapPhoto]:
    """The training photos that the sparse reconstruction has points of."""
    sparse, photos = read_nvm(folder / MODEL), []
    for name, cam2world in _posed(folder, "dataset_train.txt").items():
        view = sparse.get(_stem(name))
        if view is not None and len(view.points):
            path = inside(folder, name)
            photos.append(MapPhoto(path, view.focal, cam2world, partial(sparse_depth, view, cam2world, path)))
    if not photos:
        raise InputError(f"{folder / MODEL} has points of none of the photos in dataset_train.txt; download it again")
    return photos


def sparse_depth(view: SparseView, cam2world: Array, path: Path, mapping: PixelMapping) -> Depth:
    """(H, W) at the network's pixels: of the nearest point that was measured in each; NaN where none was.

    Raises InputError, naming the photo, where points were measured beyond its edges: it was made smaller since.
    """
    if (np.abs(view.centred) > BEYOND * np.array(mapping.photo_size) / 2).any():
        raise InputError(f"{path} is smaller than the photo that {MODEL} was made of; use the data set's own photos")
    width, height = mapping.view_size
    pixels = (view.centred + mapping.photo_centre - mapping.offset) / mapping.scale
    column, row = np.floor(pixels).astype(np.int64).T
    z = ((view.points - cam2world[:3, 3]) @ cam2world[:3, :3])[:, 2]
    seen = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (z > 0)
    depth = np.full((height, width), np.inf, dtype=np.float32)
    np.minimum.at(depth, (row[seen], column[seen]), z[seen].astype(np.float32))
    return np.where(np.isfinite(depth), depth, np.nan)


def _posed(folder: Path, listing: str) -> dict[str, Array]:
    """cam2world (4, 4) of every photo of a list: its name, the camera's place, and its turn from the world's axes."""
    path, found = folder / listing, {}
    for line in filter(str.strip, read_text(path, "photos with cameras").splitlines()[HEAD:]):
        name, _, numbers = line.strip().partition(" ")
        values = read_numbers(numbers, (7,), path)
        found[name] = pose(quaternion_matrix(values[3:], path).T, values[:3], path)
    return found


@lru_cache(maxsize=1)  # photos of a scene come one after another
def read_nvm(path: Path) -> Mapping[str, SparseView]:
    """The first model of an NVM_V3 file, by photo without suffix; raises InputError, naming the file."""
    lines = iter([line for line in read_text(path, "a VisualSFM model").splitlines() if line.strip()])
    try:
        if not next(lines).startswith("NVM_V3"):
            raise InputError(f"{path} is no VisualSFM model: its first line should begin with NVM_V3")
        cameras = [_camera(next(lines), path) for _ in range(int(next(lines)))]
        points = [np.array(next(lines).split(), dtype=np.float64) for _ in range(int(next(lines)))]
        return _views(cameras, points)
    except StopIteration as error:
        raise InputError(f"{path} ends early; download it again") from error
    except (ValueError, IndexError, OverflowError) as error:
        raise InputError(f"{path} is no VisualSFM model ({error}); download it again") from error


def _camera(line: str, path: Path) -> tuple[str, float]:
    """Name and focal; the cameras' poses are those of the lists."""
    name, *numbers = line.rsplit(maxsplit=CAMERA)
    return name, float(read_numbers(" ".join(numbers), (CAMERA,), path)[0])


def _views(cameras: list[tuple[str, float]], points: list[Array]) -> dict[str, SparseView]:
    """Every point's measurements, sorted by photo."""
    rows = []
    for point in points:
        seen = point[PER_POINT : PER_POINT + PER_MEASUREMENT * int(point[PER_POINT - 1])]
        measured = seen.reshape(-1, PER_MEASUREMENT)
        rows.append(np.hstack([measured[:, [0, 2, 3]], np.broadcast_to(point[:3], (len(measured), 3))]))
    table = np.concatenate(rows) if rows else np.zeros((0, 6))
    table = table[np.argsort(table[:, 0], kind="stable")]
    ends = np.searchsorted(table[:, 0], np.arange(len(cameras) + 1))
    return {
        _stem(name): SparseView(focal, table[start:end, 3:], table[start:end, 1:3])
        for (name, focal), start, end in zip(cameras, ends[:-1], ends[1:], strict=True)
    }


def _stem(name: str) -> str:
    """The model says .jpg where the photos are .png."""
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").as_posix()
