"""Meshes as Wavefront OBJ: text, y up, a material and a picture for each mesh that has one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..export.photos import copy_photo, export_names
from ..io.atomic import replacing
from .mesh import Mesh

TO_Y_UP = np.array([1.0, -1.0, -1.0])  # from y down and z forward


def save_obj(path: Path, meshes: Sequence[Mesh]) -> None:
    """Write path, the materials beside it as .mtl, and pictures: a texture as .png, photos into a folder.

    Vertices carry their sRGB colours after the position, as many programs read them. Raises InputError for a photo
    that cannot be copied.
    """
    pictures = _save_pictures(path, meshes)
    with replacing(path.with_suffix(".mtl")) as file:
        for number, picture in enumerate(pictures):
            file.write(_material(number, picture).encode())
    with replacing(path) as file:
        file.write(f"mtllib {path.with_suffix('.mtl').name}\n".encode())
        vertices = corners = 0
        for number, mesh in enumerate(meshes):
            file.write(_text(number, mesh, vertices, corners).encode())
            vertices += len(mesh.vertices)
            corners += 0 if mesh.uv is None else 3 * len(mesh.faces)


def companions(path: Path) -> tuple[Path, ...]:
    """What lies beside an OBJ file."""
    return path.with_suffix(".mtl"), path.with_suffix(".png"), _photo_folder(path)


def _save_pictures(path: Path, meshes: Sequence[Mesh]) -> list[str]:
    """The picture of each mesh as the materials name it; empty for none."""
    views = [mesh.photo for mesh in meshes if mesh.photo is not None]
    names = export_names(views)
    for view, name in zip(views, names, strict=True):
        copy_photo(view, name, _photo_folder(path))
    copied = dict(zip((view.name for view in views), names, strict=True))
    pictures = []
    for number, mesh in enumerate(meshes):
        if mesh.photo is not None:
            pictures.append(f"{_photo_folder(path).name}/{copied[mesh.photo.name]}")
        elif mesh.texture is not None:
            picture = path.with_suffix(".png") if number == 0 else path.with_name(f"{path.stem}_{number + 1}.png")
            with replacing(picture) as file:
                Image.fromarray(mesh.texture).save(file, format="PNG")
            pictures.append(picture.name)
        else:
            pictures.append("")
    return pictures


def _photo_folder(path: Path) -> Path:
    return path.with_name(f"{path.stem}_photos")


def _material(number: int, picture: str) -> str:
    image = f"map_Kd {picture}\n" if picture else ""
    return f"newmtl mesh_{number}\nKd 1 1 1\nillum 0\n{image}"


def _text(number: int, mesh: Mesh, vertices: int, corners: int) -> str:
    """One object; vertices and corners: how many come before it in the file."""
    faces = mesh.faces.astype(np.int64) + vertices + 1
    lines = [f"o {'_'.join(mesh.name.split())}\n"]
    lines.append(_rows("v %.7g %.7g %.7g %.4f %.4f %.4f\n", np.hstack([mesh.vertices * TO_Y_UP, mesh.colors / 255])))
    lines.append(f"usemtl mesh_{number}\n")
    if mesh.uv is None:
        return "".join([*lines, _rows("f %d %d %d\n", faces)])
    places = np.arange(faces.size).reshape(-1, 3) + corners + 1
    lines.append(_rows("vt %.6f %.6f\n", mesh.uv.reshape(-1, 2)))
    lines.append(_rows("f %d/%d %d/%d %d/%d\n", np.stack([faces, places], axis=-1).reshape(-1, 6)))
    return "".join(lines)


def _rows(form: str, values: NDArray) -> str:
    return form * len(values) % tuple(values.ravel().tolist())
