"""COLMAP's text model: cameras.txt, images.txt, points3D.txt; every number as short as it reads back the same."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..io.atomic import replacing
from .sparse_model import SparseModel, SparsePoints

CAMERAS = "# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"
IMAGES = "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n# POINTS2D[] as (X, Y, POINT3D_ID)"
POINTS = "# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"


def save_text(folder: Path, model: SparseModel) -> None:
    """Write the three files, each whole or not at all; cameras, images and points count from 1."""
    _write(folder / "cameras.txt", CAMERAS, _cameras(model))
    _write(folder / "images.txt", IMAGES, _images(model))
    _write(folder / "points3D.txt", POINTS, _points(model.points))


def _write(path: Path, head: str, lines: Iterable[str]) -> None:
    with replacing(path) as file:
        file.write(f"{head}\n".encode())
        file.writelines(f"{line}\n".encode() for line in lines)


def _cameras(model: SparseModel) -> Iterator[str]:
    for number, image in enumerate(model.images, 1):
        yield f"{number} PINHOLE {_spell(*image.size, *image.intrinsics)}"


def _images(model: SparseModel) -> Iterator[str]:
    for number, image in enumerate(model.images, 1):
        yield f"{number} {_spell(*image.quaternion.tolist(), *image.translation.tolist())} {number} {image.name}"
        keypoints = zip(image.keypoints.tolist(), (image.points + 1).tolist(), strict=True)
        yield " ".join(_spell(x, y, point) for (x, y), point in keypoints)


def _points(points: SparsePoints) -> Iterator[str]:
    tracks = iter((points.track + np.array([1, 0])).tolist())  # images count from 1
    columns = (points.position, points.color, points.error, points.length)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for number, (position, color, error, length) in enumerate(rows, 1):
        track = " ".join(_spell(*next(tracks)) for _ in range(length))
        yield f"{number} {_spell(*position, *color, error)} {track}"


def _spell(*numbers: float) -> str:
    return " ".join(map(repr, numbers))
