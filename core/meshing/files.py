"""Meshes as files, by suffix."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..export.ply import save_mesh_ply
from ..io.atomic import check_writable, replacing
from ..reconstruction.result import Reconstruction
from .mesh import Mesh
from .obj import companions, save_obj

UNTEXTURED = (".ply",)  # kinds of files that hold colours of vertices alone
ARRAYS = ("vertices", "faces", "colors", "uv", "texture")


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """Raise InputError, before the work, unless a file of one of these suffixes can be written, over nothing."""
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path} is no name for a mesh; end it in {', '.join(suffixes)}")
    beside = companions(path) if path.suffix.lower() == ".obj" else ()
    for taken in (path, *beside):
        if os.path.lexists(taken):
            raise InputError(f"{taken} exists already; choose another name, nothing is overwritten")
    check_writable(path)


def save_meshes(path: Path, meshes: Sequence[Mesh]) -> None:
    """Write meshes into a file of one of WRITERS' kinds. Raises InputError when that is not possible."""
    WRITERS[path.suffix.lower()](path, meshes)


def load_meshes(path: Path, reconstruction: Reconstruction) -> list[Mesh]:
    """The meshes of an .npz, with the photos of the reconstruction that they were made of; raises InputError."""
    views = {view.name: view for view in reconstruction.views}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            entries = json.loads(arrays["meshes"].tobytes())
            return [
                Mesh(entry["name"], **_arrays(arrays, number), photo=views[entry["photo"]] if entry["photo"] else None)
                for number, entry in enumerate(entries)
            ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no meshes ({error}); make them again") from error


def _arrays(arrays: Any, number: int) -> dict[str, Any]:
    return {name: arrays[f"{number}.{name}"] for name in ARRAYS if f"{number}.{name}" in arrays}


def _save_npz(path: Path, meshes: Sequence[Mesh]) -> None:
    """Every array under the mesh's number, and "meshes": JSON with their names and photos."""
    entries = [{"name": mesh.name, "photo": mesh.photo.name if mesh.photo else None} for mesh in meshes]
    content: dict[str, Any] = {"meshes": np.frombuffer(json.dumps(entries).encode(), np.uint8)}
    for number, mesh in enumerate(meshes):
        found = {name: getattr(mesh, name) for name in ARRAYS}
        content |= {f"{number}.{name}": array for name, array in found.items() if array is not None}
    with replacing(path) as file:
        np.savez(file, **content)


def _save_ply(path: Path, meshes: Sequence[Mesh]) -> None:
    """All meshes as one, with the colours of vertices."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])[:-1]
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    vertices, colors = (np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in ("vertices", "colors"))
    save_mesh_ply(path, vertices, colors, np.concatenate(faces))


WRITERS: dict[str, Callable[[Path, Sequence[Mesh]], None]] = {".ply": _save_ply, ".obj": save_obj, ".npz": _save_npz}
