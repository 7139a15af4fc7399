"""A texture for a mesh, from the photos in their full resolution."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry.camera import project
from ..images.reader import read_header
from ..progress import Report
from ..reconstruction.result import AlignedView
from .atlas import CELL_CORNERS, Atlas, lay_out
from .bake import Patchwork, bake, paint_cells
from .depth_map import DepthMap
from .mesh import Mesh, Warn
from .patches import adjacent_faces, choose_photos, find_patches
from .visibility import NONE, find_candidates


def textured(mesh: Mesh, maps: Sequence[DepthMap], reach: float, most: int, report: Report, warn: Warn) -> Mesh:
    """The mesh with a texture of at most `most` pixels each way: on each face a part of the photo that shows it best.

    reach: as in `find_candidates`. Faces that no photo shows whole get the colours of their vertices. A photo whose
    file is gone is left out with a warning; where all are, the mesh comes back as it was. Raises InputError for a photo
    that cannot be read and a texture too small for the patches.
    """
    usable = [one if _at_hand(one.view, warn) else None for one in maps]
    if not any(usable):
        return mesh
    candidates = find_candidates(mesh, usable, reach, report)
    neighbours = adjacent_faces(mesh.faces)
    chosen = choose_photos(candidates, neighbours)
    work = _patchwork(mesh, [one.view for one in maps], chosen, find_patches(chosen, neighbours))
    plain = np.flatnonzero(chosen == NONE)
    atlas = _atlas(work, maps, len(plain), most)
    corners = np.empty((len(mesh.faces), 3, 2))
    corners[work.faces] = atlas.texels(work.patch[:, None], work.pixels)
    corners[plain] = atlas.cells[:, None] + CELL_CORNERS
    texture = bake(work, atlas, corners[work.faces], [one.view for one in maps], report)
    paint_cells(texture, atlas.cells, mesh.colors[mesh.faces[plain]])
    uv = (corners / atlas.size * (1, -1) + (0, 1)).astype(np.float32)
    return replace(mesh, uv=uv, texture=texture)


def _at_hand(view: AlignedView, warn: Warn) -> bool:
    """Whether the photo's file is still the one that was reconstructed; warns where it is not."""
    try:
        if sorted(read_header(view.path).size) == sorted(view.mapping.photo_size):
            return True
        warn(f"{view.path} is no longer the photo that was reconstructed; the texture does without it")
    except InputError as error:
        warn(f"The texture does without a photo: {error}")
    return False


def _patchwork(
    mesh: Mesh, views: Sequence[AlignedView], chosen: NDArray[np.int32], patches: NDArray[np.int32]
) -> Patchwork:
    faces = np.flatnonzero(chosen != NONE)
    patch, photo_of_face = patches[faces].astype(np.int64), chosen[faces]
    photo = np.zeros(patch.max(initial=-1) + 1, np.int64)
    photo[patch] = photo_of_face
    pixels = np.empty((len(faces), 3, 2))
    for number, view in enumerate(views):
        own = photo_of_face == number
        corners = mesh.vertices[mesh.faces[faces[own]]].astype(np.float64)
        pixels[own] = project(corners.reshape(-1, 3), view.K, view.cam2world)[0].reshape(-1, 3, 2)
    pairs = mesh.faces[faces].astype(np.int64) * max(1, len(photo)) + patch[:, None]
    found, node = np.unique(pairs, return_inverse=True)
    node = node.reshape(-1, 3)
    edges = np.concatenate([node[:, [0, 1]], node[:, [1, 2]], node[:, [2, 0]]])
    return Patchwork(faces, patch, photo, pixels, node, found // max(1, len(photo)), edges)


def _atlas(work: Patchwork, maps: Sequence[DepthMap], cells: int, most: int) -> Atlas:
    low, high = np.full((len(work.photo), 2), np.inf), np.full((len(work.photo), 2), -np.inf)
    np.minimum.at(low, work.patch, work.pixels.min(axis=1))
    np.maximum.at(high, work.patch, work.pixels.max(axis=1))
    limits = np.array([one.view.mapping.photo_size for one in maps])[work.photo]
    return lay_out(low, high, limits, cells, most)
