"""How much of what one view shows another shows too, by reprojection with a depth test. NumPy only."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GRID = (48, 36)  # (width, height) of the small depth maps that are compared, whatever the photo's shape
SAME_SURFACE = 0.1  # relative difference in depth: small maps are coarse on slanted surfaces
ENOUGH = 0.15  # overlap from which a pair is worth showing to the network


class Overlaps:
    """N views of one scene as small depth maps; rows of their overlap matrix on demand, each computed once."""

    def __init__(self, depth: Array, K: Array, cam2world: Array) -> None:
        """depth: (N, h, w), z at the centres of a regular grid over each view, 0 where unknown; K: (N, 3, 3), pixels
        of that grid; cam2world: (N, 4, 4).
        """
        self._depth, self._K, self._world2cam = depth, K, np.linalg.inv(cam2world)
        self._points = np.stack([_world_points(*view) for view in zip(depth, K, cam2world, strict=True)])
        self._known = (depth > 0).reshape(len(depth), -1)
        self._rows: dict[int, Array] = {}

    def __len__(self) -> int:
        return len(self._depth)

    def row(self, i: int) -> Array:
        """Overlap of view i with each, (N,): the share of the known pixels of one that the other shows, averaged."""
        if i not in self._rows:
            every = np.arange(len(self))
            forth, back = self._share(np.full(len(self), i), every), self._share(every, np.full(len(self), i))
            self._rows[i] = (forth + back) / 2
        return self._rows[i]

    def _share(self, a: NDArray[np.int_], b: NDArray[np.int_]) -> Array:
        """Of the known pixels of views a (M,), the share that the views b (M,) see at the same place in space."""
        local = self._points[a] @ self._world2cam[b, :3, :3].swapaxes(-1, -2) + self._world2cam[b, None, :3, 3]
        z = local[..., 2]
        pixels = local @ self._K[b].swapaxes(-1, -2)
        height, width = self._depth.shape[1:]
        ahead = z > 1e-9
        x, y = (np.floor(pixels[..., k] / np.where(ahead, z, 1)) for k in (0, 1))
        inside = ahead & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        column, row = (np.where(inside, value, 0).astype(int) for value in (x, y))
        seen = self._depth[b[:, None], row, column]
        same = inside & self._known[a] & (np.abs(z - seen) < SAME_SURFACE * seen)
        return same.sum(-1) / np.maximum(self._known[a].sum(-1), 1)


def grid_intrinsics(K: Array, size: tuple[int, int]) -> Array:
    """K of a view of `size` (width, height) in the pixels of GRID."""
    return np.diag([GRID[0] / size[0], GRID[1] / size[1], 1.0]) @ K


def on_grid(depth: NDArray[np.floating]) -> Array:
    """A depth map (H, W) at the centres of GRID's pixels: (h, w)."""
    rows, columns = (
        ((np.arange(count) + 0.5) / count * side).astype(int)
        for count, side in zip(GRID[::-1], depth.shape, strict=True)
    )
    return depth[np.ix_(rows, columns)].astype(np.float64)


def _world_points(depth: Array, K: Array, cam2world: Array) -> Array:
    height, width = depth.shape
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(K).T
    return (rays * depth[..., None]).reshape(-1, 3) @ cam2world[:3, :3].T + cam2world[:3, 3]
