"""Point clouds as binary PLY (little endian): float positions, 8-bit sRGB colours, in the reconstruction's world."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..io.atomic import replacing
from ..reconstruction.result import PointCloud

POSITION, NORMAL, COLOR = ("x", "y", "z"), ("nx", "ny", "nz"), ("red", "green", "blue")
NAMES = {"<f4": "float", "|u1": "uchar", "<i4": "int"}


def save_ply(path: Path, points: PointCloud, normals: NDArray[np.floating] | None = None) -> None:
    """Write position, sRGB colour, confidence and photo index of every point, whole or not at all.

    normals: (N, 3), unit length, written as nx, ny, nz; None: left out.
    """
    normal = {} if normals is None else dict(zip(NORMAL, normals.T.astype("<f4"), strict=True))
    columns = _position(points.position) | normal | _color(points.color)
    columns |= {"confidence": points.confidence.astype("<f4"), "view": points.view.astype("<i4")}
    _write(path, columns)


def save_splat_ply(path: Path, position: NDArray[np.floating], color: NDArray[np.uint8]) -> None:
    """Write what trainers of Gaussian splats begin with: position, normal and sRGB colour, nothing else.

    position, color: (N, 3). The normals are 0: the trainers want the fields and use none of them.
    """
    normals = dict.fromkeys(NORMAL, np.zeros(len(position), "<f4"))
    _write(path, _position(position) | normals | _color(color))


def save_mesh_ply(
    path: Path, position: NDArray[np.floating], color: NDArray[np.uint8], faces: NDArray[np.integer]
) -> None:
    """Write a mesh: position and sRGB colour (V, 3) of every vertex, and the vertex numbers (F, 3) of every face."""
    _write(path, _position(position) | _color(color), faces)


def _position(position: NDArray[np.floating]) -> dict[str, NDArray]:
    return dict(zip(POSITION, position.T.astype("<f4"), strict=True))


def _color(color: NDArray[np.uint8]) -> dict[str, NDArray]:
    return dict(zip(COLOR, color.T, strict=True))


def _write(path: Path, columns: dict[str, NDArray], faces: NDArray[np.integer] | None = None) -> None:
    """One vertex property per column, in their order; then the faces (F, 3), where there are any."""
    vertices = np.empty(len(columns["x"]), [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        vertices[name] = column
    properties = [f"property {NAMES[column.dtype.str]} {name}" for name, column in columns.items()]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertices)}",
        *properties,
        *([] if faces is None else [f"element face {len(faces)}", "property list uchar int vertex_indices"]),
        "end_header",
        "",
    ]
    with replacing(path) as file:
        file.write("\n".join(header).encode())
        file.write(vertices.tobytes())
        if faces is not None:
            triangles = np.empty(len(faces), [("count", "u1"), ("corners", "<i4", 3)])
            triangles["count"], triangles["corners"] = 3, faces
            file.write(triangles.tobytes())
