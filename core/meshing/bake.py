"""Patches painted into a texture out of the full-resolution photos, their seams levelled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, map_coordinates

from ..images.lens_distortion import open_straight
from ..progress import Report
from ..reconstruction.result import AlignedView
from .atlas import CELL, Atlas
from .levelling import level
from .rasterise import cover
from .visibility import LONG_SIDE

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

STAGE = "Baking the texture"


@dataclass(frozen=True, slots=True)
class Patchwork:
    """Which part of which photo is on each face that any photo shows."""

    faces: Numbers  # (F,), of the mesh
    patch: Numbers  # (F,)
    photo: Numbers  # (P,), of each patch
    pixels: Floats  # (F, 3, 2), of the faces' corners in that photo
    node: Numbers  # (F, 3): numbers for the pairs of a vertex and a patch
    vertex: Numbers  # (N,), of each pair
    edges: Numbers  # (E, 2), pairs that are neighbours in one patch


def bake(
    work: Patchwork, atlas: Atlas, corners: Floats, views: Sequence[AlignedView], report: Report
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
            photo = open_straight(view.path, view.mapping).image
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


def _sample(photo: Image.Image, work: Patchwork, faces: NDArray[np.bool_], colors: Floats) -> None:
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


def paint_cells(texture: NDArray[np.uint8], cells: Numbers, colors: NDArray[np.uint8]) -> None:
    """Fill the cells (C, 2) so that a face with the cell's corners shows its vertices' colours (C, 3, 3)."""
    y, x = np.mgrid[:CELL, :CELL]
    share = np.stack([x, y], axis=-1).reshape(-1, 2) / (CELL - 1)
    weights = np.stack([1 - share.sum(axis=1), share[:, 0], share[:, 1]], axis=1)
    values = np.einsum("tk,ckd->ctd", weights, colors.astype(np.float64))
    rows, columns = cells[:, 1, None] + y.ravel(), cells[:, 0, None] + x.ravel()
    texture[rows, columns] = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
