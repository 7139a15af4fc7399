"""All photos' depth maps as one mesh."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..progress import Report
from ..reconstruction.result import Reconstruction
from .depth_map import DepthMap
from .mesh import Mesh, Warn
from .plan import Volume, plan_volume
from .settings import MeshSettings
from .surface import Piece, extract_piece
from .tsdf import fuse_block

STAGE = "Fusing photos"


def fused_mesh(
    world: Reconstruction,
    maps: Sequence[DepthMap],
    settings: MeshSettings,
    sure: float,
    report: Report,
    warn: Warn,
) -> tuple[Mesh, float] | None:
    """One mesh of the photos of one world, at the weighted mean of their surfaces, and the voxel it was made with.

    maps: of the world's photos; sure: least confidence. None where they show no surface; what no photo shows stays
    open. Memory is that of the depth maps, one block and the mesh.
    """
    volume = plan_volume(world, maps, settings, sure, warn)
    pieces = [] if volume is None else list(_pieces(volume, maps, report))
    if volume is None or not pieces:
        return None
    mesh = without_islands(_joined(pieces), settings.min_island)
    return (mesh, volume.voxel) if len(mesh.faces) else None


def _pieces(volume: Volume, maps: Sequence[DepthMap], report: Report) -> Iterator[Piece]:
    blocks = volume.blocks()
    for number, (block, cells) in enumerate(blocks):
        report(STAGE, number, len(blocks))
        piece = extract_piece(volume, fuse_block(volume, block, cells, maps), maps)
        if piece is not None:
            yield piece
    report(STAGE, len(blocks), len(blocks))


def _joined(pieces: Sequence[Piece]) -> Mesh:
    """One mesh of all pieces, each vertex once; faces without an area go."""
    starts = np.cumsum([0, *(len(piece.keys) for piece in pieces)])
    keys, faces = (
        np.concatenate([piece.keys for piece in pieces]),
        np.concatenate([piece.faces + start for piece, start in zip(pieces, starts[:-1], strict=True)]),
    )
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    vertices = np.concatenate([piece.vertices for piece in pieces])[first]
    colors = np.concatenate([piece.colors for piece in pieces])[first]
    mesh = Mesh("Fused", vertices, number.reshape(-1)[faces].astype(np.int32), colors)
    return mesh.with_faces((mesh.normals() != 0).any(axis=1))


def without_islands(mesh: Mesh, least: int) -> Mesh:
    """The mesh less those parts that hang together with fewer than `least` faces."""
    part = parts_of_faces(mesh.faces, len(mesh.vertices))
    return mesh.with_faces(np.bincount(part)[part] >= least) if len(part) else mesh


def parts_of_faces(faces: NDArray[np.int32], vertices: int) -> NDArray[np.int32]:
    """(F,): the number of the part that each face (F, 3) hangs together with over its vertices."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_array((np.ones(len(ends), bool), ends.T), shape=(vertices, vertices))
    return connected_components(graph, directed=False)[1][faces[:, 0]]
