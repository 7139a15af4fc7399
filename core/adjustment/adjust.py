"""Cameras adjusted on what the photos themselves agree on: the photos and the network's world in, cameras out.

Imports no torch.
"""

import hashlib
import json
import logging
import zipfile
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..cameras.evidence import CameraEvidence, finite
from ..cameras.priors import KnownCamera
from ..errors import Cancelled, ReconstructionError
from ..features.process import has_pycolmap, run_apart
from ..geometry.camera import intrinsics, project, sample_depth
from ..images.lens_distortion import open_straight
from ..images.pixel_mapping import PixelMapping
from ..io.atomic import temporary_folder
from ..io.kept_arrays import KeptArrays, name_of
from ..progress import Report
from .colmap_main import ADJUSTING, RESULT, TASK, all_pairs, matches_of
from .covariance import camera_spread
from .merging import parts
from .settings import AdjustmentSettings

STAGES = {"Finding features": 12.0, "Matching photos": 10.0, "Adjusting cameras": 8.0}
MATCHES = "matches"  # kind in the store
MODULE = f"{(__package__ or '')}.colmap_main"

Array = NDArray[np.float64]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class PhotoStart:
    """One photo as the network's alignment placed it."""

    path: Path
    mapping: PixelMapping
    mask: NDArray[np.bool_]  # (H, W), network pixels, True = keep
    K: Array  # (3, 3), photo pixels
    cam2world: Array | None  # (4, 4); None: in another world than most photos
    depth: NDArray[np.float32]  # (H, W), z, the network's world
    known: KnownCamera  # what the user or EXIF says
    lens: Hashable = None  # equal for photos of one lens and zoom; None: EXIF names none


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedCamera:
    """One photo's camera as the photos agree on it, and what it sees; the world is the network's."""

    cam2world: Array  # (4, 4), rigid
    K: Array  # (3, 3), photo pixels
    pixels: Array  # (M, 2), photo pixels of the points that it sees, where a straight lens would show them
    points: Array  # (M, 3), world
    tracks: NDArray[np.int64]  # (M,), number of the point, the same in all photos
    evidence: CameraEvidence
    distortion: float = 0.0  # per squared photo pixel, of what is still in the photo (`PixelMapping`)


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """N photos' adjusted cameras; None where the network's is kept."""

    cameras: tuple[AdjustedCamera | None, ...]
    warnings: tuple[str, ...] = ()  # what the user should know, one sentence each


def adjust(
    photos: Sequence[PhotoStart],
    edges: Sequence[tuple[int, int]],
    report: Report,
    settings: AdjustmentSettings | None = None,
    store: KeptArrays | None = None,
) -> Adjustment:
    """The cameras that most matches between the photos support, where they support more than the network's do.

    Minimises Cauchy's loss of reprojection errors over cameras, focals and points (bundle adjustment), from several
    starts; kept is what most verified matches agree with (support.py). edges: pairs to match where there are too many
    photos to match all. What is known of cameras stays. store: keeps the matches, which depend on the photos alone.
    Raises whatever `report` raises; where pycolmap is missing or dies the network's cameras stay, which a warning says.
    """
    settings = settings or AdjustmentSettings()
    nothing = (None,) * len(photos)
    if sum(max(photo.mapping.photo_size) >= settings.features.least_side for photo in photos) < 2:
        return Adjustment(nothing)
    if not has_pycolmap():
        return Adjustment(nothing, ("The cameras are the network's alone: this Python lacks the package pycolmap",))
    with temporary_folder() as work:
        try:
            shrink, keys = _write_task(work, photos, edges, settings, report)
            with _kept_matches(work, keys, store):
                run_apart(MODULE, work, report)
            with np.load(work / RESULT, allow_pickle=False) as file:
                found = dict(file)
        except Cancelled:
            raise
        except (ReconstructionError, OSError, ValueError, zipfile.BadZipFile) as error:
            log.warning("No cameras from the photos: %s", error)
            return Adjustment(nothing, (f"The cameras are the network's alone: {error}",))
    report(ADJUSTING, 1, 1)
    if "world2cam" not in found:
        return Adjustment(nothing)
    return Adjustment(_cameras(photos, found, shrink, settings))


def _write_task(
    folder: Path,
    photos: Sequence[PhotoStart],
    edges: Sequence[tuple[int, int]],
    settings: AdjustmentSettings,
    report: Report,
) -> tuple[list[Array], list[str]]:
    """Write photos, masks and what is known of them.

    Returns (2,) for each photo: shrunken over photo pixels; and for each pass what its matches depend on, as a key.
    """
    (folder / "images").mkdir()
    masked = not all(photo.mask.all() for photo in photos)
    if masked:
        (folder / "masks").mkdir()
    content = hashlib.sha256()
    names = [f"{index:05d}.png" for index in range(len(photos))]
    shrink: list[Array] = []
    entries: list[dict[str, Any]] = []
    cameras = _camera_numbers(photos)
    for index, (photo, name) in enumerate(zip(photos, names, strict=True)):
        report("Finding features", 0, len(photos))
        size = _shrunken(photo.mapping.photo_size, settings.features.long_side)
        grey = open_straight(photo.path, photo.mapping).image.convert("L")
        shown = {folder / "images" / name: grey.resize(size, Image.Resampling.BOX)}
        if masked:
            shown[folder / "masks" / f"{name}.png"] = _mask_image(photo, size)
        for path, image in shown.items():
            image.save(path, compress_level=1)
            content.update(repr(image.size).encode() + image.tobytes())
        shrink.append(np.array(size) / photo.mapping.photo_size)
        entries.append(_entry(photo, size, shrink[-1], cameras[index]))
    complete = len(photos) <= settings.features.complete_pairs
    pairs = all_pairs(len(photos)) if complete else sorted({(min(edge), max(edge)) for edge in edges})
    task = {"names": names, "photos": entries, "edges": pairs, "settings": asdict(settings)}
    (folder / TASK).write_text(json.dumps(task), encoding="utf-8")
    focals = [entry["K"][0][0] if entry["focal_known"] else None for entry in entries]
    known = (version("pycolmap"), masked, pairs, focals, asdict(replace(settings.features, passes=())))
    content.update(json.dumps(known).encode())
    ways = [json.dumps(asdict(way)).encode() for way in settings.features.passes]
    return shrink, [name_of(content.digest(), way) for way in ways]


@contextmanager
def _kept_matches(folder: Path, keys: Sequence[str], store: KeptArrays | None) -> Iterator[None]:
    """Bring matches of the store into the folder, and those that are found meanwhile into the store."""
    kept = [None if store is None else store.get(MATCHES, key) for key in keys]
    files = [folder / matches_of(number) for number in range(len(keys))]
    for file, array in zip(files, kept, strict=True):
        if array is not None:
            file.write_bytes(array.tobytes())
    try:
        yield
    finally:
        for key, file, array in zip(keys, files, kept, strict=True):
            if store is not None and array is None and file.is_file():
                store.put(MATCHES, key, np.frombuffer(file.read_bytes(), np.uint8))


def _entry(photo: PhotoStart, size: tuple[int, int], shrink: Array, camera: int) -> dict[str, Any]:
    K = np.diag([*shrink, 1.0]) @ photo.K
    known = photo.known
    return {
        "width": size[0],
        "height": size[1],
        "camera": camera,
        "K": K.tolist(),
        "lens_known": known.focal is not None and known.focal_spread == 0,
        "focal_known": known.focal is not None,
        "world2cam": None if photo.cam2world is None else np.linalg.inv(photo.cam2world).tolist(),
        "posed": known.cam2world is not None,
        "straight": photo.mapping.distortion != 0,
    }


def _camera_numbers(photos: Sequence[PhotoStart]) -> list[int]:
    """Equal for photos that share their focal: of one lens by EXIF, else of one size and of the same prior."""
    numbers: dict[Hashable, int] = {}
    keys: list[Hashable] = []
    for photo in photos:
        lens = photo.lens or photo.mapping.photo_size
        known = photo.known
        keys.append((lens, photo.mapping.photo_size, known.focal, known.focal_y, known.principal_point))
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _shrunken(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    ratio = min(1.0, long_side / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _mask_image(photo: PhotoStart, size: tuple[int, int]) -> Image.Image:
    """The network's mask on the shrunken photo, white = keep; what the network does not see is as its nearest pixel."""
    mapping, (height, width) = photo.mapping, photo.mask.shape
    axes = []
    for axis, most in ((0, width), (1, height)):
        centres = (np.arange(size[axis]) + 0.5) * mapping.photo_size[axis] / size[axis]
        axes.append(np.clip((centres - mapping.offset[axis]) / mapping.scale[axis], 0, most - 1).astype(int))
    return Image.fromarray(photo.mask[np.ix_(axes[1], axes[0])].astype(np.uint8) * 255)


def _cameras(
    photos: Sequence[PhotoStart], found: dict[str, Any], shrink: Sequence[Array], settings: AdjustmentSettings
) -> tuple[AdjustedCamera | None, ...]:
    """The model's cameras in photo pixels, and in the network's world.

    Where points hold only parts of them together, the network has placed the smaller ones, each as a whole.
    """
    scale, move = _into_network_world(photos, found, shrink)
    points = scale * found["points"] @ move[:3, :3].T + move[:3, 3]
    part = parts(found["photo"], found["point"], len(photos), settings.photo_matches)
    joined = part[found["photo"]] == 0  # observations that hold each other
    photo, pixel, point = (found[name][joined] for name in ("photo", "pixel", "point"))
    spread = camera_spread(found["world2cam"], found["K"], photo, pixel, point, found["points"])
    cameras: list[AdjustedCamera | None] = []
    for index, (photo, world2cam) in enumerate(zip(photos, found["world2cam"], strict=True)):
        seen = found["photo"] == index
        if not np.isfinite(world2cam).all() or not seen.any():
            cameras.append(None)
            continue
        cam2world = np.linalg.inv(world2cam)
        cam2world[:3, 3] *= scale
        K = _photo_intrinsics(photo, found["K"][index], shrink[index])
        pixels, tracks = found["pixel"][seen] / shrink[index], found["point"][seen]
        camera = move @ cam2world if photo.known.cam2world is None else photo.known.cam2world
        evidence = CameraEvidence(
            source=("both" if part[index] else "photos") if photo.known.cam2world is None else "known",
            observations=len(pixels),
            error=float(np.median(np.linalg.norm(project(points[tracks], K, camera)[0] - pixels, axis=1))),
            turn=finite(spread.turn[index]),
            shift=finite(spread.shift[index]),
        )
        distortion = float(found["bend"][index] / K[0, 0] ** 2)
        cameras.append(AdjustedCamera(camera, K, pixels, points[tracks], tracks, evidence, distortion))
    return tuple(cameras)


def _photo_intrinsics(photo: PhotoStart, K: Array, shrink: Array) -> Array:
    """K (3, 3) in photo pixels, with the principal point that the photo began with; what is known stays as it is."""
    if photo.known.K is not None:
        return photo.known.K
    return intrinsics(float(np.mean(K[[0, 1], [0, 1]] / shrink)), photo.K[:2, 2])


def _into_network_world(
    photos: Sequence[PhotoStart], found: dict[str, Any], shrink: Sequence[Array]
) -> tuple[float, Array]:
    """Scale and rigid motion (4, 4) from the model's world to the network's.

    The photo in whose frame the network's world is stays put, or else the one that sees most points. The scale is the
    median ratio of the network's depths to the points'. With known poses the world is theirs already.
    """
    if any(photo.known.cam2world is not None for photo in photos):
        return 1.0, np.eye(4)
    ratios: list[Array] = []
    counts = np.zeros(len(photos), dtype=int)
    for index, photo in enumerate(photos):
        seen = found["photo"] == index
        if photo.cam2world is None or not seen.any():
            continue
        counts[index] = seen.sum()
        world2cam = found["world2cam"][index]
        z = (found["points"][found["point"][seen]] @ world2cam[:3, :3].T + world2cam[:3, 3])[:, 2]
        network = network_depth(photo.depth, photo.mapping, found["pixel"][seen] / shrink[index])
        usable = (z > 0) & (network > 0)
        ratios.append(network[usable] / z[usable])
    if not ratios or not np.concatenate(ratios).size:
        return 1.0, np.eye(4)
    scale = float(np.median(np.concatenate(ratios)))
    anchors = [photo.cam2world is not None and np.array_equal(photo.cam2world, np.eye(4)) for photo in photos]
    first = int(np.argmax(counts * (np.array(anchors) + 1e-9)))
    own = np.linalg.inv(found["world2cam"][first])
    own[:3, 3] *= scale
    network_pose = photos[first].cam2world
    assert network_pose is not None
    return scale, network_pose @ np.linalg.inv(own)


def network_depth(depth: NDArray[np.float32], mapping: PixelMapping, pixels: Array) -> Array:
    """(M,): the network's depth at photo pixels (M, 2); NaN outside of what it saw."""
    return sample_depth(depth, (pixels - mapping.offset) / mapping.scale)
