"""What other photos say of a photo's points: seen there too, or seen through."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter, uniform_filter

from ..geometry.pixel_sampling import spread
from ..reconstruction.result import AlignedView
from .settings import CleanupSettings

Counts = NDArray[np.uint8]
SAMPLE = 512  # pixels of a photo that tell how much of it another sees, and how well they agree


@dataclass(frozen=True, slots=True)
class Agreement:
    """In how many other photos it is so, for each pixel's point; (H, W) each."""

    seen: Counts  # the point lies in the picture and nothing is in front of it
    confirmed: Counts  # and there is a surface at its depth
    contradicted: Counts  # or the surface there is behind it, and more confident than the point
    votes: NDArray[np.int16]  # photos that have the point too, less those that look past it; 0 if none were compared
    refuted: NDArray[np.bool_]  # one of the latter sees a surface there that photos agree on
    others: tuple[int, ...]  # the photos that were asked, in their order
    tolerance: float  # of the depth, that one surface may differ by: more than usual where all photos disagree


@dataclass(frozen=True, slots=True)
class Witness:
    """A photo as others ask it; (H, W) each."""

    view: AlignedView
    shown: NDArray[np.float32]  # depth, 0 where there is none
    nearest: NDArray[np.float32]  # smallest depth among a pixel and its eight neighbours, 0 where one has none
    confirmed: NDArray[np.bool_]  # photos agree on the depth
    colors: NDArray[np.uint8]  # (H, W, 3), sRGB, means over three by three pixels

    @classmethod
    def of(cls, view: AlignedView, unconfirmed: NDArray[np.bool_] | None) -> "Witness":
        shown = np.where(view.kept(), view.depth, 0).astype(np.float32)
        nearest = np.asarray(minimum_filter(shown, 3, mode="nearest"), np.float32)
        confirmed = np.zeros(shown.shape, bool) if unconfirmed is None else ~unconfirmed
        return cls(view, shown, nearest, confirmed, np.asarray(uniform_filter(view.colors, 3, axes=(0, 1)), np.uint8))


def compare_all(
    views: Sequence[AlignedView],
    unconfirmed: Sequence[NDArray[np.bool_]] | None,
    settings: CleanupSettings,
    report: Callable[[int], None],
) -> list[Agreement]:
    """What the photos that see most of a photo say of its points, for every photo.

    unconfirmed: what `unconfirmed_of` gives; report: called with the number of photos done, before each.
    """
    witnesses = [
        Witness.of(view, None if unconfirmed is None else unconfirmed[index]) for index, view in enumerate(views)
    ]
    near = [_neighbours(index, witnesses, settings.neighbours) for index in range(len(views))]
    tolerance = max(settings.depth_tolerance, settings.noise_factor * _disagreement(witnesses, near))
    voting = None if unconfirmed is None else settings
    agreements = []
    for index, (witness, others) in enumerate(zip(witnesses, near, strict=True)):
        report(index)
        agreements.append(_compare(witness, {k: witnesses[k] for k in others}, tolerance, voting))
    return agreements


def _compare(
    witness: Witness, others: Mapping[int, Witness], tolerance: float, voting: CleanupSettings | None
) -> Agreement:
    """A surface behind a point contradicts it only where the point is nearer than all nine pixels around the place.

    So a depth edge that is a pixel off contradicts nobody. Confidences are the photos' own, and no order matters.
    """
    view = witness.view
    seen, confirmed, contradicted = (np.zeros(view.depth.size, np.uint8) for _ in range(3))
    votes = np.zeros(view.depth.size, np.int16)
    refuted = np.zeros(view.depth.size, bool)
    confidence = view.confidence.ravel()
    low, high = _around(tolerance)
    for other in others.values():
        at, there, depth = land(view, other.view)
        shown = other.shown.ravel()[there]
        visible = (depth <= high * shown) & (shown > 0)
        seen[at] += visible
        confirmed[at] += visible & (depth >= low * shown)
        before = depth < low * other.nearest.ravel()[there]
        contradicted[at] += before & (other.view.confidence.ravel()[there] > confidence[at])
        if voting is not None:
            has, past = _ballot(depth, witness.colors.reshape(-1, 3)[at], other, there, voting)
            votes[at] += has.astype(np.int16) - past
            refuted[at] |= past & other.confirmed.ravel()[there]
    shape = view.depth.shape
    return Agreement(
        seen=seen.reshape(shape),
        confirmed=confirmed.reshape(shape),
        contradicted=contradicted.reshape(shape),
        votes=votes.reshape(shape),
        refuted=refuted.reshape(shape),
        others=tuple(others),
        tolerance=tolerance,
    )


def _ballot(
    depth: NDArray[np.float32],
    colors: NDArray[np.uint8],
    other: Witness,
    there: NDArray[np.int64],
    settings: CleanupSettings,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(M,) each: whether a photo has points too, in their colours, and whether it looks past them.

    depth, colors: (M,), (M, 3), of the points in it; there: (M,), its flat pixels that they fall on.
    """
    low, high = _around(settings.guess_tolerance)
    sharp, _ = _around(settings.stereo_tolerance)
    shown = other.shown.ravel()[there]
    unlike = np.zeros(len(there), np.int16)
    for channel in range(3):
        unlike += np.abs(colors[:, channel].astype(np.int16) - other.colors.reshape(-1, 3)[there, channel])
    has = (depth >= low * shown) & (depth <= high * shown) & (unlike <= 3 * settings.alike)
    tolerance = np.where(other.confirmed.ravel()[there], sharp, low)
    return has, depth < tolerance * other.nearest.ravel()[there]


def _around(tolerance: float) -> tuple[np.float32, np.float32]:
    """The factors of a depth between which another is the same."""
    return np.float32(1 / (1 + tolerance)), np.float32(1 + tolerance)


def _disagreement(witnesses: Sequence[Witness], near: Sequence[Sequence[int]]) -> float:
    """How far apart surfaces of two photos usually are: the median of log(depth there / the point's depth) above 0.

    Below 0 there are the points that the other photo cannot see, too. Where photos confirm depths, these alone count.
    """
    ratios = [np.zeros(0, np.float32)]
    told = [_telling(witness) for witness in witnesses]
    for index, (witness, others) in enumerate(zip(witnesses, near, strict=True)):
        pixels = _sample(witness)
        pixels = pixels[told[index].ravel()[pixels]]
        for k in others:
            _, there, depth = land(witness.view, witnesses[k].view, pixels)
            shown = np.where(told[k], witnesses[k].shown, 0).ravel()[there]
            ratios.append(np.log(shown[shown >= depth] / depth[shown >= depth]))
    together = np.concatenate(ratios)
    return float(np.median(together)) if len(together) else 0.0


def _telling(witness: Witness) -> NDArray[np.bool_]:
    return witness.confirmed if witness.confirmed.any() else np.ones_like(witness.confirmed)


def land(
    view: AlignedView, other: AlignedView, pixels: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Where a photo's points fall in another: flat pixels of both, and the depths in the other; those that do, (M,).

    pixels: flat, of the first photo; None: all.
    """
    x, y, z = _projected(view, other, pixels)
    width, height = other.mapping.view_size
    with np.errstate(divide="ignore", invalid="ignore"):  # depths of 0 and NaN fall nowhere
        x /= z
        y /= z
        at = np.flatnonzero((z > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height))
    there = y[at].astype(np.int64) * width + x[at].astype(np.int64)
    return (at if pixels is None else pixels[at]), there, z[at]


def _projected(view: AlignedView, other: AlignedView, pixels: NDArray[np.int64] | None) -> list[NDArray[np.float32]]:
    """x z, y z and z of a photo's points in another, in its network pixels from its top-left corner; flat."""
    rays, shift = _transfer(view, other)
    x, y = (axis.astype(np.float32) for axis in view.mapping.photo_axes())
    depth = view.depth
    columns, rows = x[None, :], y[:, None]
    if pixels is not None:
        rows, columns = y[pixels // len(x)], x[pixels % len(x)]
        depth = depth.ravel()[pixels]
    with np.errstate(invalid="ignore"):
        return [
            (depth * (ray[0] * columns + (ray[1] * rows + ray[2])) + move).ravel()
            for ray, move in zip(rays, shift, strict=True)
        ]


def _transfer(view: AlignedView, other: AlignedView) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """M (3, 3) and m (3,): depth * M (x, y, 1) + m is a photo's pixel (x, y) in another's network pixels, times z."""
    (sx, sy), (ox, oy) = other.mapping.scale, other.mapping.offset
    to_network = np.array([[1 / sx, 0, -ox / sx], [0, 1 / sy, -oy / sy], [0, 0, 1]]) @ other.K
    to_other = to_network @ other.cam2world[:3, :3].T
    rays = to_other @ view.cam2world[:3, :3] @ np.linalg.inv(view.K)
    shift = to_other @ (view.cam2world[:3, 3] - other.cam2world[:3, 3])
    return rays.astype(np.float32), shift.astype(np.float32)


def _neighbours(index: int, witnesses: Sequence[Witness], count: int) -> list[int]:
    """The photos of the same world that see most of a photo, at most `count`, in their order."""
    view, pixels = witnesses[index].view, _sample(witnesses[index])
    overlap = [
        len(land(view, other.view, pixels)[0]) if k != index and other.view.component == view.component else 0
        for k, other in enumerate(witnesses)
    ]
    most = np.argsort(overlap, kind="stable")[::-1][:count]
    return sorted(int(k) for k in most if overlap[k])


def _sample(witness: Witness) -> NDArray[np.int64]:
    """Flat pixels, an even choice of those that have a depth."""
    pixels = spread(witness.view.mapping.view_size, SAMPLE)
    return pixels[witness.shown.ravel()[pixels] > 0]
