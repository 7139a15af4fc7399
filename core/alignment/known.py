"""What is known of photos' cameras beforehand, and the world that known poses make."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..cameras.priors import FocalSource, KnownCamera
from ..errors import InputError
from ..geometry.mean_turn import mean_turn
from ..geometry.similarity import Similarity
from ..settings import SharedFocal
from .observations import Array, Indices
from .photo import AlignmentPhoto

PINNED = 1e-9  # relative spread of a focal that is known exactly
SAME_PLACE = 1e-9  # of their distance to the origin: known cameras nearer to each other fix no scale
FARTHEST = 1e6  # a usual depth, in distances between known cameras: beyond, photos show no shift between these


@dataclass(frozen=True, slots=True)
class Pins:
    """What is known beforehand of N photos."""

    posed: NDArray[np.bool_]  # (N,), the pose is known
    cam2world: Array  # (N, 4, 4), the identity where not
    focal: Array  # (N,), photo pixels, NaN where nothing is known
    focal_spread: Array  # (N,), relative; at least PINNED
    focal_from_exif: NDArray[np.bool_]  # (N,), the focal is EXIF's, and dropped where the pointmaps contradict it
    centred: NDArray[np.bool_]  # (N,), the principal point is known
    principal_point: Array  # (N, 2), photo pixels, 0 where not known
    focal_group: Indices  # (N,): photos of one number share their focal
    stood: Array  # (N, 4, 4), cam2world in an earlier solution
    stood_depth: Array  # (N,), median depth there; NaN where the photo was not in it

    def of(self, photos: Indices) -> Self:
        """The part of these photos."""
        return type(self)(*(getattr(self, name)[photos] for name in self.__slots__))

    @property
    def unposed(self) -> Self:
        """The same without the poses."""
        return replace(self, posed=np.zeros_like(self.posed))

    @property
    def scaled(self) -> bool:
        """Whether the known poses say how large the world is."""
        centre = self.cam2world[self.posed, :3, 3]
        return len(centre) > 1 and bool(np.ptp(centre, axis=0).max() > SAME_PLACE * (np.abs(centre).max() + 1e-300))

    @property
    def held(self) -> NDArray[np.bool_]:
        """(N, 7): which of turn, shift and log scale stay as they are; photo 0's where no pose is known."""
        held = np.zeros((len(self.posed), 7), dtype=bool)
        first = int(np.argmax(self.posed))
        held[self.posed, :6] = True
        held[first] = True
        held[first, 6] = not self.scaled
        return held

    def start(self, depth: Array) -> dict[int, Similarity]:
        """By photo, where canonical pointmaps of these median depths (N,) stood; empty if fewer than half stood."""
        stood = np.flatnonzero(np.isfinite(self.stood_depth))
        scale = self.stood_depth / depth
        if 2 * len(stood) < len(depth):
            return {}
        return {int(n): Similarity(scale[n], self.stood[n, :3, :3], self.stood[n, :3, 3]) for n in stood}

    @property
    def focal_pinned(self) -> NDArray[np.bool_]:
        return np.isfinite(self.focal) & (self.focal_spread <= PINNED)


def focal_groups(shared: SharedFocal, sizes: Sequence[Hashable], lenses: Sequence[Hashable] | None) -> Indices:
    """(N,): equal for photos that share their focal. sizes, lenses: of the N photos; a lens None is unknown.

    Raises InputError where lenses are wanted and there is nothing that could say them.
    """
    if shared == "exif" and lenses is None:
        raise InputError("shared_focal exif needs photos, and these are predictions alone; choose size or off")
    numbers = range(len(sizes))
    keys = {
        "off": list(numbers),
        "size": list(sizes),
        "exif": [n if lens is None else lens for n, lens in zip(numbers, lenses or [None] * len(sizes), strict=True)],
    }[shared]
    return np.array([keys.index(key) for key in keys])


def focal_sources(known: Sequence[KnownCamera], groups: Indices, dropped: NDArray[np.bool_]) -> tuple[FocalSource, ...]:
    """Where the focals of N photos come from: of those that share one, the surest source of any.

    groups: (N,), as of `focal_groups`; dropped: (N,), what was known of the focal was not used.
    """
    own: list[FocalSource] = [
        "network" if camera.focal is None or drop else camera.focal_source
        for camera, drop in zip(known, dropped, strict=True)
    ]
    surest_first: tuple[FocalSource, ...] = ("known", "photos", "exif", "network")
    found = [{source for source, other in zip(own, groups, strict=True) if other == group} for group in groups]
    return tuple(next(source for source in surest_first if source in sources) for sources in found)


def gather(photos: Sequence[AlignmentPhoto], focal_group: Indices) -> Pins:
    """What is known of N photos."""
    cameras, placements = [photo.known for photo in photos], [photo.warm_start for photo in photos]
    worlds = Counter(placement.component for placement in placements if placement)
    world = worlds.most_common(1)[0][0] if worlds else 0
    stood = [placement if placement and placement.component == world else None for placement in placements]
    poses = [np.eye(4) if camera.cam2world is None else np.asarray(camera.cam2world) for camera in cameras]
    return Pins(
        np.array([camera.cam2world is not None for camera in cameras]),
        np.array(poses, dtype=np.float64),
        np.array([np.nan if camera.focal is None else camera.focal for camera in cameras]),
        np.array([max(camera.focal_spread, PINNED) for camera in cameras]),
        np.array([camera.focal_source == "exif" for camera in cameras]),
        np.array([camera.principal_point is not None for camera in cameras]),
        np.array([camera.principal_point or (0, 0) for camera in cameras], dtype=np.float64),
        focal_group,
        np.array([placement.cam2world if placement else np.eye(4) for placement in stood]),
        np.array([placement.depth if placement else np.nan for placement in stood]),
    )


def into_known_world(poses: Similarity, pins: Pins) -> Similarity:
    """The poses (N,) moved to where they fit the known ones best, and then exactly those where known.

    Rotation: `mean_turn`. Scale: the ratio of the centres' spreads, 1 where they fix none; shift: of their means.
    """
    known = pins.cam2world[pins.posed]
    R = mean_turn(poses.R[pins.posed], known[:, :3, :3])
    a, b = poses.translation[pins.posed] @ R.T, known[:, :3, 3]
    from_mean, to_mean = a - a.mean(0), b - b.mean(0)
    scale = np.linalg.norm(to_mean) / max(float(np.linalg.norm(from_mean)), 1e-12) if pins.scaled else 1.0
    moved = Similarity(np.array(scale), R, b.mean(0) - scale * a.mean(0)).compose(poses)
    moved.R[pins.posed], moved.translation[pins.posed] = known[:, :3, :3], known[:, :3, 3]
    return moved


def check_depth(depth: Array, pins: Pins) -> None:
    """Raise InputError where depths (N, P) are beyond all reason for how far apart the known cameras stand."""
    centres = pins.cam2world[pins.posed][:, :3, 3]
    apart = float(np.linalg.norm(centres - centres.mean(0), axis=1).max())
    if pins.scaled and not float(np.median(depth)) < FARTHEST * apart:
        raise InputError(
            "The photos show no shift between the cameras whose poses are known; "
            "give photos that show the same place from these cameras, or pin their lenses alone"
        )
