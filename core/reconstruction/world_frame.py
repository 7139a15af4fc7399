"""How a reconstruction's world came from the alignment's, whose place, turn and scale are free. Imports no torch."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

CHOICES = ("cameras", "ground", "scale", "origin", "north")  # what a user can settle of a world
SIMILAR = 1e-3  # how far the turn in a similarity may be from a rotation
SCALES = (1e-9, 1e9)


@dataclass(frozen=True, slots=True, eq=False)
class WorldFrame:
    """The similarity that led here from the alignment's world, and what of it the user has settled."""

    similarity: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))  # (4, 4): x -> scale R x + translation
    choices: tuple[str, ...] = ()  # of CHOICES; with any, later solutions of the same photos are laid onto this world

    def then(self, similarity: NDArray[np.float64], choices: Iterable[str] = ()) -> Self:
        """The frame after one more move, by which the user settled these choices too."""
        settled = {*self.choices, *choices}
        kept = tuple(choice for choice in CHOICES if choice in settled)
        return replace(self, similarity=similarity @ self.similarity, choices=kept)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back to the last bit."""
        return {"similarity": self.similarity.tolist(), "choices": list(self.choices)}

    @classmethod
    def from_dict(cls, content: dict[str, Any] | None) -> Self:
        """What `as_dict` gave, None: where nobody has moved anything; raises ValueError for what is no similarity."""
        if content is None:
            return cls()
        similarity, choices = np.array(content["similarity"], dtype=np.float64), tuple(content["choices"])
        if not is_similarity(similarity) or not set(choices) <= set(CHOICES):
            raise ValueError("how the world was moved is nothing that we write")
        return cls(similarity, choices)


def scale_of(similarity: NDArray[np.float64]) -> float:
    """The factor by which a similarity (4, 4) makes lengths longer."""
    return float(np.cbrt(np.linalg.det(similarity[:3, :3])))


def is_similarity(matrix: NDArray[np.float64]) -> bool:
    """Whether (4, 4) is a scale, a rotation and a translation, all of it finite; no reflection, no shear."""
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.array_equal(matrix[3], (0, 0, 0, 1)):
        return False
    scale = scale_of(matrix)
    if not SCALES[0] < scale < SCALES[1]:
        return False
    R = matrix[:3, :3] / scale
    return bool(np.abs(R @ R.T - np.eye(3)).max() < SIMILAR)
