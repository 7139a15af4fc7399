"""Reading what data sets consist of: text, JSON, tables of numbers; nothing that could run, nothing without a bound."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import roma
import scipy.io
import torch
from numpy.typing import NDArray
from scipy.io.matlab import MatReadError

from ...core.cameras.posed_images import FAILURES
from ...core.errors import InputError, first_line

MOST_BYTES = 2**31  # of one file, unpacked


def require_file(path: Path, what: str) -> Path:
    """The path, if it is a file; else raises InputError."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; it should hold {what}")
    return path


def read_text(path: Path, what: str) -> str:
    """A text file's content; raises InputError, naming it, when it is missing, damaged or too large."""
    try:
        return _read(path, what, packed=False).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text; it should hold {what}") from error


def read_json(path: Path, what: str) -> Any:
    """The content of a JSON file, or of one that is packed with gzip (.jgz); raises InputError as `read_text` does."""
    content = _read(path, what, packed=path.suffix in {".jgz", ".gz"})
    try:
        return json.loads(content)
    except FAILURES as error:
        raise InputError(f"{path} is no JSON; it should hold {what}") from error


def read_numbers(text: str, shape: tuple[int, ...], path: Path) -> NDArray[np.float64]:
    """So many finite numbers, separated by blanks; raises InputError, naming the file they come from."""
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path} holds {text.strip()[:60]!r} where numbers belong") from error
    if numbers.size != np.prod(shape) or not np.isfinite(numbers).all():
        raise InputError(f"{path} holds {numbers.size} numbers where {np.prod(shape)} finite ones belong")
    return numbers.reshape(shape)


def read_mat(path: Path, names: tuple[str, ...]) -> list[NDArray[Any]]:
    """These arrays of a MATLAB file before version 7.3; raises InputError, naming it, where one is not there."""
    wanted = ", ".join(names)
    require_file(path, f"the arrays {wanted}")
    try:
        content = scipy.io.loadmat(path, variable_names=names)
        arrays = [np.asarray(content[name]) for name in names]
        if any(array.dtype.kind not in "biuf" for array in arrays):
            raise TypeError("they are no numbers")
        return arrays
    except (*FAILURES, MatReadError) as error:
        raise InputError(
            f"{path} does not give the arrays {wanted} ({first_line(error)}); download it again"
        ) from error


def inside(root: Path, relative: str) -> Path:
    """root/relative; raises InputError where that leaves the root."""
    path = root / relative
    try:
        within = path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):  # no name that a file can have
        within = False
    if not within:
        raise InputError(f"{root} names a file outside of itself ({relative[:80]!r}); download the data set again")
    return path


def pose(rotation: NDArray[np.float64], centre: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    """cam2world (4, 4) of a rotation (3, 3) and a centre (3,); raises InputError, naming the file, for no rotation."""
    finite = np.isfinite(rotation).all() and np.isfinite(centre).all()
    if not finite or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2) or np.linalg.det(rotation) < 0:
        raise InputError(f"{path} holds a camera whose 3 x 3 part is no rotation; download the file again")
    cam2world = np.eye(4)
    cam2world[:3, :3] = roma.special_procrustes(torch.tensor(rotation))  # files round their digits
    cam2world[:3, 3] = centre
    return cam2world


def quaternion_matrix(wxyz: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    """The rotation (3, 3) of a quaternion (w, x, y, z) of any length but zero."""
    if not wxyz.any():
        raise InputError(f"{path} holds a rotation of four zeros; download the file again")
    xyzw = roma.quat_wxyz_to_xyzw(torch.tensor(wxyz, dtype=torch.float64))
    return roma.unitquat_to_rotmat(roma.quat_normalize(xyzw)).numpy()


def _read(path: Path, what: str, packed: bool) -> bytes:
    require_file(path, what)
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FAILURES as error:
        raise InputError(f"{path} cannot be read ({first_line(error)}); download it again") from error
    if len(content) > MOST_BYTES:
        raise InputError(f"{path} holds more than {MOST_BYTES >> 30} GiB, which is no {what}; download it again")
    return content
