"""What one photo's depth map says of points in space: how far in front of its surface they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..export.normals import grid_normals
from ..geometry.camera import project
from ..reconstruction.result import AlignedView
from .neighbours import find_neighbours

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

LEAST_FACING = 0.25  # of a surface: thinner slices of what is seen at a grazing angle are noise


@dataclass(frozen=True, slots=True)
class Seen:
    """What a photo says of those of some points that it says anything of, (M,) each."""

    rows: Indices  # which of the points
    pixels: Indices  # flat network pixel that each falls on
    ahead: Floats  # scene units, to the surface along the ray; positive in front of it
    distance: Floats  # the same along the surface's normal
    weight: Floats  # how much that counts


@dataclass(frozen=True, slots=True)
class DepthMap:
    """One photo's surface, ready to be asked."""

    view: AlignedView
    inverse: NDArray[np.float32]  # (H * W,), 1 / depth, NaN where there is none
    whole: NDArray[np.bool_]  # (H * W,), the pixel and those right of it, below it and between lie on one surface
    stretch: NDArray[np.float32]  # (H * W,), length of the ray of unit depth
    facing: NDArray[np.float32]  # (H * W,), how far that ray goes along the surface's normal
    weight: NDArray[np.float32]  # (H * W,), of a pixel: 1 + log confidence, times `facing`
    farthest: float  # depth

    @classmethod
    def of(cls, view: AlignedView, sure: float, max_slope: float) -> "DepthMap":
        """The depth map of a photo's pixels at or above a confidence, but for lone ones, which show no surface.

        max_slope: degrees, as in `find_neighbours`.
        """
        kept = view.kept(sure) & (view.depth > 0)
        near = find_neighbours(view, kept, max_slope)
        kept &= near.any
        inverse = np.where(kept, 1 / np.where(kept, view.depth, 1), np.nan).astype(np.float32)
        whole = np.pad(near.whole, ((0, 1), (0, 1)))
        rays = (view.world_points() - view.cam2world[:3, 3]) * inverse[..., None]
        along = np.abs(np.einsum("...k,...k->...", rays, grid_normals(view)))
        facing = np.clip(np.nan_to_num(along), LEAST_FACING, None).astype(np.float32)
        stretch = np.nan_to_num(np.linalg.norm(rays, axis=-1)).astype(np.float32)
        weight = ((1 + np.log(view.confidence)) * facing).astype(np.float32)
        farthest = float(view.depth[kept].max(initial=0))
        return cls(view, inverse.ravel(), whole.ravel(), stretch.ravel(), facing.ravel(), weight.ravel(), farthest)

    def points(self) -> Floats:
        """(N, 3), world: those of the pixels that count."""
        return self.view.world_points().reshape(-1, 3)[self.inverse > 0]

    def look(self, points: Floats) -> Seen:
        """What is known of world points (N, 3); those outside of the photo or on a pixel without depth are left out.

        Between four pixels of one surface 1 / depth is interpolated, which is exact for planes; the distance is the
        difference of depths, projected on the surface's normal.
        """
        photo_pixels, depth = project(points, self.view.K, self.view.cam2world)
        places = (photo_pixels - self.view.mapping.offset) / self.view.mapping.scale
        width, height = self.view.mapping.view_size
        x, y = places.T
        rows = np.flatnonzero((x >= 0) & (x < width) & (y >= 0) & (y < height))  # not NaN: in front
        x, y, depth = x[rows], y[rows], depth[rows]
        pixels = y.astype(np.int64) * width + x.astype(np.int64)
        shown = self._surface(x - 0.5, y - 0.5, pixels)
        known = np.flatnonzero(shown > 0)
        rows, pixels, depth, shown = rows[known], pixels[known], depth[known], shown[known]
        deeper = 1 / shown - depth
        ahead, distance = deeper * self.stretch[pixels], deeper * self.facing[pixels]
        return Seen(rows, pixels, ahead, distance, self.weight[pixels] * shown**2)

    def _surface(self, x: Floats, y: Floats, nearest: Indices) -> Floats:
        """1 / depth at (columns, rows), whole numbers at the pixels' centres; NaN where there is none."""
        width, height = self.view.mapping.view_size
        left, top = np.clip(np.floor(x), 0, width - 1), np.clip(np.floor(y), 0, height - 1)
        first = (top * width + left).astype(np.int64)
        shown = self.inverse[nearest].astype(np.float64)
        inner = np.flatnonzero(self.whole[first] & (x >= 0) & (y >= 0))
        at, u, v = first[inner], (x - left)[inner], (y - top)[inner]
        upper = (1 - u) * self.inverse[at] + u * self.inverse[at + 1]
        lower = (1 - u) * self.inverse[at + width] + u * self.inverse[at + width + 1]
        shown[inner] = (1 - v) * upper + v * lower
        return shown
