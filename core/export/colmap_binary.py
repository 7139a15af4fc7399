"""COLMAP's binary model: cameras.bin, images.bin, points3D.bin; little endian, as COLMAP documents them."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..io.atomic import replacing
from .sparse_model import SparseImage, SparseModel, SparsePoints

PINHOLE = 1  # COLMAP's number of the camera model
KEYPOINT = np.dtype([("pixel", "<f8", 2), ("point", "<u8")])


def save_binary(folder: Path, model: SparseModel) -> None:
    """Write the three files, each whole or not at all; cameras, images and points count from 1."""
    with replacing(folder / "cameras.bin") as file:
        file.write(struct.pack("<Q", len(model.images)))
        for number, image in enumerate(model.images, 1):
            file.write(struct.pack("<iiQQ4d", number, PINHOLE, *image.size, *image.intrinsics))
    with replacing(folder / "images.bin") as file:
        file.write(struct.pack("<Q", len(model.images)))
        for number, image in enumerate(model.images, 1):
            file.write(_image(number, image))
    with replacing(folder / "points3D.bin") as file:
        file.write(struct.pack("<Q", len(model.points.position)))
        for records in _points(model.points):
            file.write(records.tobytes())


def _image(number: int, image: SparseImage) -> bytes:
    head = struct.pack("<I7dI", number, *image.quaternion, *image.translation, number)
    keypoints = np.empty(len(image.points), KEYPOINT)
    keypoints["pixel"], keypoints["point"] = image.keypoints, image.points + 1
    return head + image.name.encode() + b"\0" + struct.pack("<Q", len(keypoints)) + keypoints.tobytes()


def _points(points: SparsePoints) -> list[NDArray]:
    """The points as records; those with tracks of equal length together, whose records are of equal size."""
    starts = np.cumsum(points.length) - points.length
    parts = []
    for length in np.unique(points.length):
        some = np.flatnonzero(points.length == length)
        record = [("id", "<u8"), ("position", "<f8", 3), ("color", "u1", 3), ("error", "<f8"), ("length", "<u8")]
        records = np.empty(len(some), np.dtype([*record, ("track", "<u4", (int(length), 2))]))
        records["id"], records["length"] = some + 1, length
        for name in ("position", "color", "error"):
            records[name] = getattr(points, name)[some]
        records["track"] = points.track[starts[some, None] + np.arange(length)] + np.array(
            [1, 0]
        )  # images count from 1
        parts.append(records)
    return parts
