"""A triangle mesh in the reconstruction's world, with the picture on it. NumPy only, no torch."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.result import AlignedView


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles, counter-clockwise where the photos see them from."""

    name: str
    vertices: NDArray[np.float32]  # (V, 3), world
    faces: NDArray[np.int32]  # (F, 3), vertex numbers
    colors: NDArray[np.uint8]  # (V, 3), sRGB
    uv: NDArray[np.float32] | None = None  # (F, 3, 2) of every corner, from the picture's lower left corner to (1, 1)
    texture: NDArray[np.uint8] | None = None  # (H, W, 3), sRGB; None where `photo` is the picture, or there is none
    photo: AlignedView | None = None  # whose upright file is the picture

    def moved(self, similarity: NDArray[np.float64]) -> "Mesh":
        """The same in another world: x -> scale R x + translation, the matrix (4, 4)."""
        vertices = self.vertices @ similarity[:3, :3].T + similarity[:3, 3]
        return replace(self, vertices=vertices.astype(np.float32))

    def with_faces(self, kept: NDArray[np.bool_]) -> "Mesh":
        """The same with only the faces that kept (F,) names, and only the vertices they need."""
        faces = self.faces[kept]
        used = np.zeros(len(self.vertices), bool)
        used[faces] = True
        number = np.cumsum(used, dtype=np.int32) - 1
        uv = None if self.uv is None else self.uv[kept]
        return replace(self, vertices=self.vertices[used], faces=number[faces], colors=self.colors[used], uv=uv)

    def normals(self) -> NDArray[np.float64]:
        """(F, 3), world: each face's normal, as long as twice its area."""
        a, b, c = (self.vertices[self.faces[:, k]].astype(np.float64) for k in range(3))
        return np.cross(b - a, c - a)


Warn = Callable[[str], None]  # told what the user should know, one sentence each
