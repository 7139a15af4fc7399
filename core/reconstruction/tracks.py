"""Points that several photos see, triangulated from matched features. NumPy only."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

ARRAYS = {"points": ("f", 2), "view": ("i", 1), "pixel": ("f", 2), "point": ("i", 1)}  # kind and dimensions


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """P points and their M observations, sorted by photo; every point is seen once by at least two photos."""

    points: NDArray[np.float64]  # (P, 3), world
    view: NDArray[np.int32]  # (M,), index of the photo
    pixel: NDArray[np.float32]  # (M, 2), photo pixels, centres at .5
    point: NDArray[np.int32]  # (M,), row of points

    def moved(self, similarity: NDArray[np.float64]) -> Self:
        """The same in another world, to which a similarity (4, 4) leads."""
        return replace(self, points=self.points @ similarity[:3, :3].T + similarity[:3, 3])

    def of_views(self, views: Iterable[int]) -> Self | None:
        """What these photos, renumbered in this order, see of each other; None: nothing."""
        number = np.full(int(self.view.max(initial=-1)) + 1, -1, np.int32)
        for new, old in enumerate(views):
            number[old : old + 1] = new
        kept = number[self.view] >= 0
        kept &= (np.bincount(self.point[kept], minlength=len(self.points)) > 1)[self.point]
        rows, point = np.unique(self.point[kept], return_inverse=True)
        view = number[self.view[kept]]
        order = np.argsort(view, kind="stable")
        if not len(rows):
            return None
        return replace(
            self,
            points=self.points[rows],
            view=view[order],
            pixel=self.pixel[kept][order],
            point=point[order].astype(np.int32),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, for a file; `from_arrays` reads them back."""
        return {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], views: int) -> Self:
        """What `arrays` gave, of so many photos; raises ValueError or KeyError for anything else."""
        for name, (kind, dimensions) in ARRAYS.items():
            array = arrays[name]
            if array.dtype.kind != kind or array.ndim != dimensions or not np.isfinite(array).all():
                raise ValueError(f"tracks: {name} holds {array.dtype} of shape {array.shape}")
        points, view, pixel, point = (arrays[name] for name in ARRAYS)
        if points.shape[1] != 3 or pixel.shape != (len(view), 2) or point.shape != view.shape or not len(view):
            raise ValueError("tracks: the shapes do not fit each other")
        if (np.diff(view) < 0).any() or view[0] < 0 or view[-1] >= views:
            raise ValueError("tracks: they are of other photos")
        if len(np.unique(view * np.int64(len(points)) + point)) < len(point):
            raise ValueError("tracks: a photo sees a point twice")
        if point.min() < 0 or point.max() >= len(points) or (np.bincount(point, minlength=len(points)) < 2).any():
            raise ValueError("tracks: a point is seen by fewer than two photos")
        return cls(points, view, pixel, point)

    def to_bytes(self) -> bytes:
        """As one block; `from_bytes` reads it back."""
        file = io.BytesIO()
        np.savez_compressed(file, **self.arrays())
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, views: int) -> Self:
        """What `to_bytes` gave, of so many photos; raises one of DAMAGED_ARRAYS for anything else."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls.from_arrays(dict(arrays), views)
