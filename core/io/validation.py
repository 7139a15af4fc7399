"""Validation of what was read from files: types of fields, names, paths, archives, cameras. Imports no torch.

Folders come from other machines and from strangers. The checks raise ValueError or TypeError with what was found.
"""

import errno
import os
import zipfile
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from .atomic import open_regular

LARGEST = 1e300  # beyond, whole numbers are no floats any more
Record = TypeVar("Record")
WORDS = {bool: "yes or no", int: "a whole number", float: "a finite number", str: "text", NoneType: "nothing"}


def check_types(record: Any) -> None:
    """Raise TypeError, naming the field, for a value that is not of its field's type; floats must be finite."""
    for field in fields(record):
        value = getattr(record, field.name)
        if not _is(value, field.type):
            kinds = get_args(field.type) or (field.type,)
            words = " or ".join(WORDS.get(kind, str(kind)) for kind in kinds)
            raise TypeError(f"{field.name} is {repr(value)[:60]}, not {words}")


def _is(value: Any, kind: Any) -> bool:
    if isinstance(kind, UnionType):
        return any(_is(value, option) for option in get_args(kind))
    if get_origin(kind) is Literal:
        return isinstance(value, str)  # which one is the record's own question
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is(item, get_args(kind)[0]) for item in value)
    if kind in (int, float):
        number = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
        return number and bool(-LARGEST < value < LARGEST)  # pyright: ignore[reportOperatorIssue]  false for NaN
    return isinstance(value, get_origin(kind) or kind)


def record_of(kind: type[Record], content: Any) -> Record:
    """The dataclass that `asdict` and JSON made `content` of: lists become tuples, and dictionaries the records in it.

    Raises TypeError for other names than its fields', and as `check_types`.
    """
    if not isinstance(content, dict):
        raise TypeError(f"{repr(content)[:60]} has no fields")
    made: Any = kind  # a TypeVar cannot be bound to dataclasses
    kinds = {field.name: field.type for field in fields(made)}
    record: Record = made(**{name: _value(value, kinds.get(name)) for name, value in content.items()})
    check_types(record)
    return record


def _value(value: Any, kind: Any) -> Any:
    record: Any = next((option for option in (kind, *get_args(kind)) if is_dataclass(option)), None)
    if isinstance(value, list):
        return tuple(record_of(record, item) if record else item for item in value)
    return record_of(record, value) if record and isinstance(value, dict) else value


RIGID = 1e-3  # how far a pose's rotation may be from one
MOST_SWELLING = 2  # times its own size that an archive of plain arrays may unpack to


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


FARTHEST = 1e18  # scene units; beyond, float32 points would overflow


FOCALS = (1e-3, 1e9)  # pixels: the least and the largest, of the principal point's coordinates too
