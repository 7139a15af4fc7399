"""What the tests of the export share."""

import numpy as np

TYPES = {"float": "<f4", "uchar": "u1", "int": "<i4"}


def read_ply(path):
    """The vertices of a binary little-endian PLY as a structured array."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    lines = head.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    dtype = [(line.split()[2], TYPES[line.split()[1]]) for line in lines if line.startswith("property")]
    vertices = np.frombuffer(body, dtype)
    assert f"element vertex {len(vertices)}" in lines
    return vertices
