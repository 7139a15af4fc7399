"""Point clouds as binary PLY."""

from pathlib import Path

import numpy as np

from ..files import replacing
from ..reconstruction import PointCloud

VERTEX = np.dtype(
    [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("red", "u1"),
        ("green", "u1"),
        ("blue", "u1"),
        ("confidence", "<f4"),
        ("view", "<i4"),
    ]
)
NAMES = {"<f4": "float", "|u1": "uchar", "<i4": "int"}


def save_ply(path: Path, points: PointCloud) -> None:
    """Write position, sRGB colour, confidence and photo index of every point, whole or not at all."""
    vertices = np.empty(len(points.position), VERTEX)
    for axis, name in enumerate(("x", "y", "z")):
        vertices[name] = points.position[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        vertices[name] = points.color[:, channel]
    vertices["confidence"], vertices["view"] = points.confidence, points.view
    properties = [f"property {NAMES[VERTEX[name].str]} {name}" for name in VERTEX.names or ()]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertices)}",
        *properties,
        "end_header",
        "",
    ]
    with replacing(path) as file:
        file.write("\n".join(header).encode())
        file.write(vertices.tobytes())
