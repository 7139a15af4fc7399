"""Points that another photo shows too, at least as finely: without them points are spread as evenly as photos allow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..flaws import FLAWS
from ..reconstruction.result import AlignedView, unconfirmed_of
from .agreement import land
from .settings import CleanupSettings

Mask = NDArray[np.bool_]
ALLOWED = ("unconfirmed", "repeated")  # flaws of points that may cover a place
TURNS = 2  # through all photos
LARGEST, NOTHING = 1000, 30000  # rank of a size, either way; of what covers no place


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """A photo's points; all but `sound` flat, (H W,)."""

    view: AlignedView
    sound: NDArray[np.int64]  # (M,), flat pixels that may be shown
    rank: NDArray[np.int16]  # the smaller, the better
    size: float  # mean log of what these cover
    surety: NDArray[np.float32]  # confidence; infinite where photos agree
    tolerance: NDArray[np.float32]  # of the depth, within which other photos' points are the same

    @classmethod
    def of(cls, view: AlignedView, unconfirmed: Mask | None, settings: CleanupSettings) -> "_Points":
        agreed = np.zeros(view.depth.shape, bool) if unconfirmed is None else ~unconfirmed
        sound = view.kept() & (view.depth > 0) & ~view.flawed(name for name in FLAWS if name not in ALLOWED)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.log2(view.footprints())
        steps = np.rint(4 * size).clip(-LARGEST, LARGEST)  # of a fifth
        rank = np.where(sound, steps + np.where(agreed, 0, 3 * LARGEST), NOTHING)
        tolerance = np.where(agreed, settings.stereo_tolerance, settings.depth_tolerance)
        return cls(
            view,
            np.flatnonzero(sound),
            rank.astype(np.int16).ravel(),
            float(size[sound].mean()) if sound.any() else 0.0,
            np.where(agreed, np.inf, view.confidence).astype(np.float32).ravel(),
            tolerance.astype(np.float32).ravel(),
        )


def find_repeated(
    views: Sequence[AlignedView],
    others: Sequence[Sequence[int]],
    settings: CleanupSettings,
    report: Callable[[int], None],
) -> list[Mask]:
    """(H, W) of each photo: points without another flaw for each of which another photo's stays.

    Of a surface in two photos stays what photos agree on before the network's guess, then the finer, then that of the
    photo which is finer as a whole; what the network is surer of never gives way.
    views: their flaws found, but for this one. others: of each photo those that it is compared with. report: called
    with the number of steps done, TURNS for each photo, before each.
    """
    known = unconfirmed_of(views) or [None] * len(views)
    points = [_Points.of(view, own, settings) for view, own in zip(views, known, strict=True)]
    place = np.argsort(np.argsort([own.size for own in points], kind="stable"))  # of each photo, the finest first
    covered: list[Mask] = []
    covering = [own.rank for own in points]
    for turn in range(TURNS):  # first what anything better covers, then of that what something that stays does
        covered = []
        for index, own in enumerate(points):
            report(turn * len(points) + index)
            better = [(points[k], covering[k] - (place[k] < place[index])) for k in others[index]]
            covered.append(_covered(own, better))
        covering = [np.where(gone, NOTHING, own.rank) for own, gone in zip(points, covered, strict=True)]
    return [gone.reshape(view.depth.shape) for gone, view in zip(covered, views, strict=True)]


def _covered(own: _Points, others: Sequence[tuple[_Points, NDArray[np.int16]]]) -> Mask:
    """(H W,): the points that others with a smaller rank, as it is given beside them, show within the tolerance."""
    covered = np.zeros(own.rank.size, bool)
    for other, rank in others:
        at, there, depth = land(own.view, other.view, own.sound)
        shown = other.view.depth.ravel()[there]
        same = np.abs(depth - shown) <= own.tolerance[at] * shown
        covered[at] |= same & (rank[there] < own.rank[at]) & (other.surety[there] >= own.surety[at])
    return covered
