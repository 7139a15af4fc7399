"""The surface in a block of distances, as far as photos show it, with their colours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ReconstructionError
from .depth_map import DepthMap
from .plan import Cells, Volume, cell_keys
from .tsdf import Block, may_see

Floats = NDArray[np.float64]

SUPPORT = 2.0  # voxels: a surface that lies farther from what every photo shows was made up between them
CORNER, INSIDE, KINDS = 3, 4, 5  # of vertices: on a voxel, within a cube, and all; 0 to 2: on an edge along an axis


@dataclass(frozen=True, slots=True)
class Piece:
    """The surface within one block."""

    keys: Cells  # (V,), equal for the vertices of two blocks that are one and the same
    vertices: NDArray[np.float32]  # (V, 3), world
    colors: NDArray[np.uint8]  # (V, 3), sRGB
    faces: Cells  # (F, 3), counter-clockwise from the free side


def extract_piece(volume: Volume, block: Block, maps: Sequence[DepthMap]) -> Piece | None:
    """Marching cubes on the cubes whose eight voxels are all known, less what no photo shows; None without a face.

    Behind one photo's surface and in front of another's, distances change sign without anybody having seen a surface:
    a face needs a photo that sees each of its vertices from the front, within SUPPORT voxels of its own depth.
    """
    found = _marching_cubes(block)
    if found is None:
        return None
    local, faces = found
    points = volume.origin + volume.voxel * (block.first + local)
    seen, colors = _look_up(points, _normals(points, faces), volume.voxel * SUPPORT, maps)
    faces = faces[seen[faces].all(axis=1)]
    if not len(faces):
        return None
    used = np.unique(faces)
    number = np.zeros(len(points), np.int64)
    number[used] = np.arange(len(used))
    keys = _vertex_keys(block.first, local[used])
    return Piece(keys, points[used].astype(np.float32), colors[used], number[faces])


def _marching_cubes(block: Block) -> tuple[Floats, Cells] | None:
    """Vertices (V, 3), in voxels from the block's first, and faces (F, 3); None where there is no surface."""
    mask = np.zeros_like(block.known)
    known = block.known[:-1] & block.known[1:]
    known = known[:, :-1] & known[:, 1:]
    mask[1:, 1:, 1:] = known[:, :, :-1] & known[:, :, 1:]  # the library asks at a cube's last corner
    behind = block.known & (block.distance < 0)
    if not (behind.any() and mask.any()):
        return None
    try:
        from skimage.measure import marching_cubes  # only now: the rest of the package does without
    except ModuleNotFoundError as error:
        raise ReconstructionError(
            f"A fused mesh needs the package scikit-image ({error.name} is missing); install it, or make grid meshes"
        ) from error
    try:
        vertices, faces, _, _ = marching_cubes(block.distance, 0.0, mask=mask)
    except RuntimeError:  # what it says of no surface
        return None
    return vertices.astype(np.float64), faces.astype(np.int64)


def _normals(points: Floats, faces: Cells) -> Floats:
    """(V, 3): the sum of the normals of each vertex's faces, as long as their areas."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    of_face = np.cross(b - a, c - a)
    corners, total = faces.T.ravel(), np.empty_like(points)
    for axis in range(3):
        total[:, axis] = np.bincount(corners, np.tile(of_face[:, axis], 3), len(points))
    return total


def _look_up(
    points: Floats, normals: Floats, reach: float, maps: Sequence[DepthMap]
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Which points (N, 3) a photo shows within `reach` of its depth and from the front, and their mean colours."""
    total, weight = np.zeros((len(points), 3)), np.zeros(len(points))
    for one in maps:
        if not may_see(one, points):
            continue
        seen = one.look(points)
        to_camera = one.view.cam2world[:3, 3] - points[seen.rows]
        facing = np.einsum("nk,nk->n", normals[seen.rows], to_camera) > 0
        shown = facing & (np.abs(seen.distance) <= reach)
        rows, share = seen.rows[shown], seen.weight[shown]
        total[rows] += share[:, None] * one.view.colors.reshape(-1, 3)[seen.pixels[shown]]
        weight[rows] += share
    colors = np.rint(total / np.where(weight > 0, weight, 1)[:, None]).astype(np.uint8)
    return weight > 0, colors


def _vertex_keys(first: Cells, local: Floats) -> Cells:
    """(V,): which edge, voxel or cube of the volume a vertex (V, 3) lies on or in: the same from both of two blocks."""
    below = np.floor(local).astype(np.int64)
    off = local > below
    axes = off.sum(axis=1)
    kind = np.select([axes == 0, axes == 1], [np.full(len(off), CORNER), off.argmax(axis=1)], INSIDE)
    return (cell_keys(first + below) * KINDS + kind).astype(np.int64)
