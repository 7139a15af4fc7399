"""Which photos show a face of a mesh, and how well."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from ..geometry.camera import project
from ..progress import Report
from .depth_map import DepthMap
from .mesh import Mesh
from .rasterise import depth_buffer

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

STAGE = "Choosing photos"
MOST = 4  # photos that a face can choose from
NONE = -1
LONG_SIDE = 1024  # pixels, of the picture in which faces hide each other


@dataclass(frozen=True, slots=True)
class Candidates:
    """The photos that show each face largest, in no order."""

    photos: NDArray[np.int32]  # (F, MOST), NONE where there are fewer
    sizes: NDArray[np.float32]  # (F, MOST), photo pixels that the face covers; 0 where there is none


def find_candidates(mesh: Mesh, maps: Sequence[DepthMap | None], reach: float, report: Report) -> Candidates:
    """For each face the photos that show all of it: from the front, inside the frame, hidden by nothing.

    reach: scene units, what surfaces may be apart and still be the same. maps: None for a photo that cannot be used.
    A photo's own depth counts too: what it shows in front of the mesh, or masks, hides a face.
    """
    photos = np.full((len(mesh.faces), MOST), NONE, np.int32)
    sizes = np.zeros((len(mesh.faces), MOST), np.float32)
    every = np.arange(len(mesh.faces))
    for number, one in enumerate(maps):
        report(STAGE, number, len(maps))
        if one is None:
            continue
        size = _shown_size(mesh, one, reach)
        least = sizes.argmin(axis=1)
        better = size > sizes[every, least]
        sizes[every[better], least[better]], photos[every[better], least[better]] = size[better], number
    return Candidates(photos, sizes)


def _shown_size(mesh: Mesh, one: DepthMap, reach: float) -> NDArray[np.float32]:
    """(F,): photo pixels that each face covers in a photo; 0 where the photo does not show all of it."""
    view = one.view
    pixels, depth = project(mesh.vertices.astype(np.float64), view.K, view.cam2world)
    inside = ((pixels >= 0) & (pixels <= view.mapping.photo_size)).all(axis=1)  # False for NaN
    corners, far = pixels[mesh.faces], depth[mesh.faces]
    (ax, ay), (bx, by) = ((corners[:, k] - corners[:, 0]).T for k in (1, 2))
    area = (ay * bx - ax * by) / 2  # y points down: counter-clockwise is positive
    shown = inside[mesh.faces].all(axis=1) & (area > 0)
    shown[shown] = ~_hidden(corners, far, shown, one, reach)
    shown[shown] = _as_the_photo_says(mesh.vertices[mesh.faces[shown]].mean(axis=1), one, reach)
    return np.where(shown, area, 0).astype(np.float32)


def _hidden(corners: Floats, depth: Floats, which: Mask, one: DepthMap, reach: float) -> Mask:
    """Whether another face is in front of a corner of those that `which` (F,) names, or beside it.

    corners (F, 3, 2), depth (F, 3) of all faces, for any of them may hide.
    """
    width, height = one.view.mapping.photo_size
    share = min(1.0, LONG_SIDE / max(width, height))
    size = max(1, round(width * share)), max(1, round(height * share))
    front = np.where((depth > 0).all(axis=1)[:, None, None], corners * share, np.nan)
    nearest = minimum_filter(depth_buffer(front, depth, size), size=3)
    x, y = (np.clip((corners[which][..., k] * share).astype(int), 0, size[k] - 1) for k in (0, 1))
    z = depth[which]
    pixel = z / (one.view.K[0, 0] * share)  # its width in space
    return (nearest[y, x] < z - reach - pixel * _slopes(corners[which], z, one)).any(axis=1)


def _slopes(corners: Floats, depth: Floats, one: DepthMap) -> Floats:
    """(F, 1): how much deeper a face gets over a pixel's diagonal to either side, in pixels' widths in space."""
    steps = np.abs(depth - np.roll(depth, 1, axis=1)).max(axis=1)
    across = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).min(axis=1).clip(0.1)
    return (3 * steps / across * one.view.K[0, 0] / depth.mean(axis=1))[:, None]


def _as_the_photo_says(points: NDArray[np.float32], one: DepthMap, reach: float) -> Mask:
    """Whether nothing that the photo itself shows is in front of points (N, 3), and no mask is on them."""
    view, places = one.view, points.astype(np.float64)
    clear = np.ones(len(places), bool)
    seen = one.look(places)
    clear[seen.rows[seen.distance < -reach]] = False
    pixels, _ = project(places, view.K, view.cam2world)
    x, y = np.floor((pixels - view.mapping.offset) / view.mapping.scale).astype(int).T
    width, height = view.mapping.view_size
    framed = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    clear[framed] &= view.mask[y[framed], x[framed]]
    return clear
