"""What is known of one photo's camera beforehand. Imports no torch."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from .camera_entries import read_numbers
from .errors import InputError

FARTHEST = 1e18  # scene units; beyond, float32 points would overflow
FOCALS = (1e-3, 1e9)  # pixels: the least and the largest, of the principal point's coordinates too
RIGID = 1e-4  # how far a known pose's rotation may be from one
WORDS = ("cam2world", "K", "focal", "focal_spread", "principal_point")
ASIDE = ("width", "height", "confidence", "focal_source")  # in cameras.json of ours, and no part of a pin

Part = Literal["both", "pose", "lens"]
FocalSource = Literal["known", "exif", "network"]  # known: given by the user; network: what its pointmaps show


@dataclass(frozen=True, slots=True, eq=False)
class KnownCamera:
    """What is known of one photo's camera; None: nothing. Raises InputError for what no camera can be."""

    cam2world: NDArray[np.float64] | None = None  # (4, 4), rigid, OpenCV axes
    focal: float | None = None  # photo pixels; the horizontal one where pixels are not square
    principal_point: tuple[float, float] | None = None  # photo pixels
    focal_spread: float = 0.0  # relative standard error of the focal; 0: exact
    focal_y: float | None = None  # photo pixels; None: the same
    focal_source: FocalSource = "known"  # where the focal comes from, if there is one

    def __post_init__(self) -> None:
        if self.cam2world is not None:
            _check_pose(np.asarray(self.cam2world, dtype=np.float64))
        for focal in (self.focal, self.focal_y):
            if focal is not None and not FOCALS[0] <= focal <= FOCALS[1]:
                raise InputError(f"A known focal must be {FOCALS[0]:g} to {FOCALS[1]:g} pixels, got {focal:g}")
        if not (self.focal_spread >= 0 and np.isfinite(self.focal_spread)):
            raise InputError(f"A known focal's spread must be 0 or more, got {self.focal_spread}")
        if self.principal_point is not None and not (np.abs(self.principal_point) <= FOCALS[1]).all():
            x, y = self.principal_point
            raise InputError(f"A known principal point must be within {FOCALS[1]:g} pixels, got {x:g}, {y:g}")
        if self.focal_y is not None and self.K is None:
            raise InputError("Pixels that are not square can be known only with all of K")

    @property
    def K(self) -> NDArray[np.float64] | None:
        """(3, 3), photo pixels, where all of it is known exactly."""
        if self.focal is None or self.principal_point is None or self.focal_spread:
            return None
        (cx, cy), fy = self.principal_point, self.focal if self.focal_y is None else self.focal_y
        return np.array([[self.focal, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64)

    def only(self, part: Part) -> Self:
        """The pose or the lens (focal and principal point) alone."""
        if part == "pose":
            return type(self)(cam2world=self.cam2world)
        return replace(self, cam2world=None) if part == "lens" else self

    def joined(self, other: "KnownCamera") -> "KnownCamera":
        """What `other` knows, and what this one knows beyond it."""
        lens = other if other.focal is not None or other.principal_point is not None else self
        return replace(lens, cam2world=self.cam2world if other.cam2world is None else other.cam2world)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is known, in the words of `only`."""
        lens = self.focal is not None or self.principal_point is not None
        return (("pose",) if self.cam2world is not None else ()) + (("lens",) if lens else ())

    def as_dict(self) -> dict[str, Any]:
        """As cameras.json says it; `from_dict` reads it back to the last bit."""
        entry: dict[str, Any] = {}
        if self.cam2world is not None:
            entry["cam2world"] = np.asarray(self.cam2world, dtype=np.float64).tolist()
        if self.K is not None:
            return entry | {"K": self.K.tolist()}
        if self.focal is not None:
            entry |= {"focal": self.focal} | ({"focal_spread": self.focal_spread} if self.focal_spread else {})
        if self.principal_point is not None:
            entry["principal_point"] = list(self.principal_point)
        return entry

    @classmethod
    def from_dict(cls, entry: Any, where: str = "A known camera") -> Self:
        """What an entry of a cameras.json says; raises InputError that begins with `where` for anything else."""
        words = set(entry) if isinstance(entry, dict) else set()
        if strange := sorted(words - {*WORDS, *ASIDE}):
            raise InputError(f"{where} has {strange[0]!r}, which says nothing of a camera; give {', '.join(WORDS)}")
        if not words & {"cam2world", "K", "focal", "principal_point"}:
            raise InputError(f"{where} says nothing of its camera; give cam2world, K, focal or principal_point")
        values = {} if "cam2world" not in words else {"cam2world": read_numbers(entry, "cam2world", (4, 4), where)}
        try:
            return cls(**values, **_lens(entry, where))
        except InputError as error:
            raise InputError(str(error) if str(error).startswith(where) else f"{where}: {error}") from error


def _lens(entry: dict[str, Any], where: str) -> dict[str, Any]:
    """The fields that K, or single numbers, give."""
    if "K" not in entry:
        lens: dict[str, Any] = {
            key: float(read_numbers(entry, key, (), where)) for key in ("focal", "focal_spread") if key in entry
        }
        if "principal_point" in entry:
            lens["principal_point"] = tuple(read_numbers(entry, "principal_point", (2,), where).tolist())
        return lens
    if twice := [key for key in ("focal", "focal_spread", "principal_point") if key in entry]:
        raise InputError(f"{where} has K and {twice[0]} too; leave one of them out")
    K = read_numbers(entry, "K", (3, 3), where)
    if (K[[0, 1, 2, 2], [1, 0, 0, 1]] != 0).any() or K[2, 2] != 1:
        raise InputError(
            f"{where} has a K with skew or another last row; it needs [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"
        )
    (fx, fy), (cx, cy) = (K[0, 0].item(), K[1, 1].item()), K[:2, 2].tolist()
    return {"focal": fx, "focal_y": None if fx == fy else fy, "principal_point": (cx, cy)}


def _check_pose(pose: NDArray[np.float64]) -> None:
    if pose.shape != (4, 4) or not np.isfinite(pose).all() or (pose[3] != (0, 0, 0, 1)).any():
        raise InputError("A known cam2world must be a 4 x 4 matrix of finite numbers with 0 0 0 1 as last row")
    R = pose[:3, :3]
    if np.abs(R @ R.T - np.eye(3)).max() > RIGID or np.linalg.det(R) < 0:
        raise InputError("A known cam2world must be rigid: its 3 x 3 part is no rotation; take scale out of it")
    if np.abs(pose[:3, 3]).max() > FARTHEST:
        farthest = np.abs(pose[:3, 3]).max()
        raise InputError(f"A known cam2world must stand within {FARTHEST:g} units, got {farthest:g}; use larger units")
