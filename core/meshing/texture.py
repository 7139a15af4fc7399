"""A texture for a mesh, from the photos in their full resolution."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, map_coordinates

from ..errors import InputError
from ..export.tracks import project
from ..photos import open_photo, read_header
from ..progress import Report
from ..reconstruction import AlignedView
from .atlas import CELL, CELL_CORNERS, Atlas, lay_out
from .depth_map import DepthMap
from .levelling import level
from .mesh import Mesh, Warn
from .patches import adjacent_faces, choose_photos, find_patches
from .rasterise import cover
from .visibility import LONG_SIDE, NONE, find_candidates

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

STAGE = "Baking the texture"


@dataclass(frozen=True, slots=True)
class _Patchwork:
    """Which part of which photo is on each face that any photo shows."""

    faces: Numbers  # (F,), of the mesh
    patch: Numbers  # (F,)
    photo: Numbers  # (P,), of each patch
    pixels: Floats  # (F, 3, 2), of the faces' corners in that photo
    node: Numbers  # (F, 3): numbers for the pairs of a vertex and a patch
    vertex: Numbers  # (N,), of each pair
    edges: Numbers  # (E, 2), pairs that are neighbours in one patch


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
    texture = _bake(work, atlas, corners[work.faces], [one.view for one in maps], report)
    _paint_cells(texture, atlas.cells, mesh.colors[mesh.faces[plain]])
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
) -> _Patchwork:
    faces = np.flatnonzero(chosen != NONE)
    patch, photo_of_face = patches[faces].astype(np.int64), chosen[faces]
    photo = np.zeros(patch.max(initial=-1) + 1, np.int64)
    photo[patch] = photo_of_face
    pixels = np.empty((len(faces), 3, 2))
    for number, view in enumerate(views):
        own = photo_of_face == number
        corners = mesh.vertices[mesh.faces[faces[own]]].astype(np.float64)
        pixels[own] = project(view, corners.reshape(-1, 3))[0].reshape(-1, 3, 2)
    pairs = mesh.faces[faces].astype(np.int64) * max(1, len(photo)) + patch[:, None]
    found, node = np.unique(pairs, return_inverse=True)
    node = node.reshape(-1, 3)
    edges = np.concatenate([node[:, [0, 1]], node[:, [1, 2]], node[:, [2, 0]]])
    return _Patchwork(faces, patch, photo, pixels, node, found // max(1, len(photo)), edges)


def _atlas(work: _Patchwork, maps: Sequence[DepthMap], cells: int, most: int) -> Atlas:
    low, high = np.full((len(work.photo), 2), np.inf), np.full((len(work.photo), 2), -np.inf)
    np.minimum.at(low, work.patch, work.pixels.min(axis=1))
    np.maximum.at(high, work.patch, work.pixels.max(axis=1))
    limits = np.array([one.view.mapping.photo_size for one in maps])[work.photo]
    return lay_out(low, high, limits, cells, most)


def _bake(
    work: _Patchwork, atlas: Atlas, corners: Floats, views: Sequence[AlignedView], report: Report
) -> NDArray[np.uint8]:
    """(H, W, 3): every patch out of its photo, levelled; what lies between takes the nearest patch's colour.

    corners: (F, 3, 2) texels of the faces that have a photo.
    """
    width, height = atlas.size
    texture, painted = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), bool)
    colors = np.zeros((len(work.vertex), 3))
    for number, view in enumerate(views):
        report(STAGE, number, len(views) + 1)
        patches = np.flatnonzero(work.photo == number)
        if len(patches):
            photo = open_photo(view.path).image
            _cut_out(photo, patches, atlas, texture, painted)
            _sample(photo, work, np.isin(work.patch, patches), colors)
    report(STAGE, len(views), len(views) + 1)
    if len(work.faces):
        change = _spread(corners, level(colors, work.vertex, work.edges)[work.node], atlas.size)
        texture = np.rint(np.clip(texture + change, 0, 255)).astype(np.uint8)
        rows, columns = _nearest(painted)
        texture = texture[rows, columns]
    report(STAGE, len(views) + 1, len(views) + 1)
    return texture


def _cut_out(
    photo: Image.Image, patches: Numbers, atlas: Atlas, texture: NDArray[np.uint8], painted: NDArray[np.bool_]
) -> None:
    """Copy the patches' boxes of a photo to their places."""
    for patch in patches:
        (left, top), (width, height) = atlas.places[patch], atlas.sizes[patch]
        x0, y0, x1, y1 = (int(side) for side in atlas.boxes[patch])
        box = x0, y0, x1, y1
        same = (x1 - x0, y1 - y0) == (width, height)
        part = photo.crop(box) if same else photo.resize((int(width), int(height)), Image.Resampling.BOX, box)
        texture[top : top + height, left : left + width] = np.asarray(part)
        painted[top : top + height, left : left + width] = True


def _sample(photo: Image.Image, work: _Patchwork, faces: NDArray[np.bool_], colors: Floats) -> None:
    """Set the colours (N, 3) of the vertices in a photo's patches, from a smaller copy: noise is no seam."""
    share = min(1.0, LONG_SIDE / max(photo.size))
    small = photo.resize((max(1, round(photo.width * share)), max(1, round(photo.height * share))))
    x, y = (work.pixels[faces].reshape(-1, 2) * (np.array(small.size) / photo.size) - 0.5).T
    values = np.asarray(small).astype(np.float64)
    for channel in range(3):
        colors[work.node[faces].ravel(), channel] = map_coordinates(
            values[..., channel], (y, x), order=1, mode="nearest"
        )


def _spread(corners: Floats, values: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W, 3): values (F, 3, 3) of the corners (F, 3, 2) of faces, between them and on to the texels around."""
    width, height = size
    spread, known = np.zeros((height, width, 3), np.float32), np.zeros((height, width), bool)
    for part in cover(corners, size):
        at = part.rows, part.columns
        spread[at] = np.einsum("mk,mkc->mc", part.weights, values[part.triangles])
        known[at] = True
    if not known.any():
        return spread
    rows, columns = _nearest(known)
    return spread[rows, columns]


def _nearest(known: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(2, H, W): row and column of the nearest known texel."""
    return distance_transform_edt(~known, return_distances=False, return_indices=True)  # type: ignore[return-value]


def _paint_cells(texture: NDArray[np.uint8], cells: Numbers, colors: NDArray[np.uint8]) -> None:
    """Fill the cells (C, 2) so that a face with the cell's corners shows its vertices' colours (C, 3, 3)."""
    y, x = np.mgrid[:CELL, :CELL]
    share = np.stack([x, y], axis=-1).reshape(-1, 2) / (CELL - 1)
    weights = np.stack([1 - share.sum(axis=1), share[:, 0], share[:, 1]], axis=1)
    values = np.einsum("tk,ckd->ctd", weights, colors.astype(np.float64))
    rows, columns = cells[:, 1, None] + y.ravel(), cells[:, 0, None] + x.ravel()
    texture[rows, columns] = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
