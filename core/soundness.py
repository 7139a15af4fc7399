"""Whether what was read from a file can be what we write there. Imports no torch.

Folders come from other machines and from strangers: an array of another shape, a camera that is none or a name that
leads elsewhere must end as one sentence of the reader, not in the middle of a scene. The checks raise ValueError with
what was found.
"""

import errno
import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from .files import open_regular
from .known_camera import FARTHEST, FOCALS, FocalSource
from .settings import MOST, ReconstructionSettings
from .typed import check_types

if TYPE_CHECKING:
    from .reconstruction import AlignedView, Reconstruction

RIGID = 1e-3  # how far a pose's rotation may be from one
MOST_SWELLING = 2  # times its own size that an archive of plain arrays may unpack to


def check_result(result: "Reconstruction") -> None:
    """Every view sound and of a name of its own, the recipe of the kinds that ours has."""
    check_types(result)
    names = [view.name for view in result.views]
    if len(set(names)) < len(names):
        raise ValueError("two photos have one name")
    if not set(result.given) <= {"known", "masks"} or not all(isinstance(part, dict) for part in result.given.values()):
        raise ValueError("what is given of its photos is nothing that we write")
    for view in result.views:
        check_name(view.name)
        check_view(view)
    ours = {field.name for field in fields(ReconstructionSettings)}  # a later version may have more
    ReconstructionSettings.from_dict({name: value for name, value in result.settings.items() if name in ours})


def check_view(view: "AlignedView") -> None:
    """Arrays of one shape and kind, the camera rigid with a focal, every kept depth positive, numbers finite."""
    shape = view.mapping.view_size[::-1]
    if not isinstance(view.component, int) or not 0 <= view.component <= MOST:
        raise ValueError(f"component is {repr(view.component)[:60]}")
    if not isinstance(view.sha256, str) or not re.fullmatch("([0-9a-f]{64})?", view.sha256):
        raise ValueError(f"sha256 is {repr(view.sha256)[:60]}")
    if view.focal_source not in get_args(FocalSource):
        raise ValueError(f"focal_source is {repr(view.focal_source)[:60]}")
    _check_array("K", view.K, (3, 3), "f")
    _check_array("cam2world", view.cam2world, (4, 4), "f")
    for name, array in (("depth", view.depth), ("confidence", view.confidence)):
        _check_array(name, array, shape, "f")
    _check_array("colors", view.colors, (*shape, 3), "u")
    _check_array("mask", view.mask, shape, "b")
    check_camera(view.K, view.cam2world)
    depth = view.depth[view.mask & np.isfinite(view.depth)]
    if not ((depth > 0) & (depth < FARTHEST)).all():
        raise ValueError("depth is not above 0 everywhere")
    if view.flaws is not None:
        _check_array("flaws", view.flaws, shape, "u")
    if not np.isfinite(view.confidence).all():
        raise ValueError("confidence is not finite everywhere")
    if (view.confidence[view.mask] <= 0).any():
        raise ValueError("confidence is not above 0 everywhere")


def check_camera(K: NDArray[np.floating], cam2world: NDArray[np.floating]) -> None:
    """K (3, 3) with positive focals, cam2world (4, 4) rigid; all finite."""
    if not np.isfinite(K).all() or not all(FOCALS[0] <= focal <= FOCALS[1] for focal in (K[0, 0], K[1, 1])):
        raise ValueError("K holds no focal lengths in pixels")
    if np.abs(K[:2, 2]).max() > FOCALS[1]:
        raise ValueError("K holds no principal point")
    if not np.array_equal(K[2], (0, 0, 1)) or np.abs(K).max() > FOCALS[1]:
        raise ValueError("K is no matrix of a camera")
    if not is_rigid(cam2world) or np.abs(cam2world[:3, 3]).max() > FARTHEST:
        raise ValueError("cam2world is not rigid")


def is_rigid(pose: NDArray[np.floating]) -> bool:
    """Whether (4, 4) is a rotation and a translation, all of it finite."""
    if pose.shape != (4, 4) or not np.isfinite(pose).all() or np.abs(pose[:3, :3]).max() > 2:
        return False
    R = pose[:3, :3]
    last = np.array_equal(pose[3], (0, 0, 0, 1))
    return bool(last and np.abs(R @ R.T - np.eye(3)).max() < RIGID and np.linalg.det(R) > 0)


def check_name(name: Any) -> None:
    """A photo's name leads to no other folder, on any system."""
    if not isinstance(name, str) or not name or "\0" in name or len(name) > 4096:
        raise ValueError(f"{repr(name)[:60]} is no photo's name")
    os.fsencode(name)
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(name)
        if path.is_absolute() or path.drive or path.root or ".." in path.parts:
            raise ValueError(f"{name!r} leads out of the folder")


def check_path(text: Any) -> Path:
    """A path that the system can be asked for."""
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"{repr(text)[:60]} is no path")
    os.fsencode(text)
    try:
        os.lstat(text)
    except OSError as error:  # a file may be gone, or on a disk that is not there now
        if error.errno == errno.ENAMETOOLONG:
            raise ValueError(f"{text[:60]} ... is too long for a path") from error
    return Path(text)


def check_archive(path: Path, most: int | None = None) -> None:
    """A regular file, an archive of arrays that announces no more bytes than `most`; None: than plain ones hold."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > (MOST_SWELLING * size if most is None else most):
        raise ValueError(f"it would unpack to {unpacked >> 20} MB")


def check_no_links(folder: Path, names: Sequence[str]) -> None:
    """None of the folder's files and folders of these names, nor what is in them, is a link to elsewhere or a pipe."""
    for name in names:
        places = [folder / name]
        for place, folders, files in os.walk(folder / name):
            places += [Path(place, inner) for inner in (*folders, *files)]
        for place in places:
            if place.is_symlink():
                raise ValueError(f"{place} is a link to elsewhere")
            if place.exists() and not (place.is_file() or place.is_dir()):
                raise ValueError(f"{place} is neither a file nor a folder")


def _check_array(name: str, array: NDArray[Any], shape: tuple[int, ...], kind: str) -> None:
    wide = array.dtype.itemsize in {"f": (4, 8), "u": (1,), "b": (1,)}[kind]
    if array.shape != shape or array.dtype.kind != kind or not wide:
        raise ValueError(f"{name} holds {array.dtype} of shape {array.shape}")
