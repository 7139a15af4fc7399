"""Points that another photo shows too, at least as finely: without them points are spread as evenly as photos allow."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..flaws import FLAWS
from ..reconstruction.result import AlignedView, unconfirmed_of
from .agreement import land
from .settings import CleanupSettings

Mask = NDArray[np.bool_]
ALLOWED = ("unconfirmed", "repeated")  # flaws of points that may cover a place
REACH = 2  # pixels on both sides, between which a surface's slant is measured
STEEPEST = 16.0  # of what a slanted pixel covers over what it would if it faced the camera
LARGEST = 1000  # size, either way
UNCONFIRMED, UNSOUND = 3 * LARGEST, 6 * LARGEST  # added to the rank of such points, of which the smaller is better


def find_repeated(
    views: Sequence[AlignedView],
    others: Sequence[Sequence[int]],
    settings: CleanupSettings,
    report: Callable[[int], None],
) -> list[Mask]:
    """(H, W) of each photo: points without another flaw whose place stays covered without them.

    Of a surface in two photos stays what photos agree on before the network's guess, then the finer, then that of the
    photo which is finer as a whole; what the network is surer of never gives way. That order has no cycles, so one of
    all that show a place stays.
    views: their flaws found, but for this one. others: of each photo those that it is compared with. report: called
    with the number of photos done, before each.
    """
    known = unconfirmed_of(views)
    sound = [view.kept() & ~view.flawed(name for name in FLAWS if name not in ALLOWED) for view in views]
    agreed = [np.zeros_like(own) if known is None else own & ~known[k] for k, own in enumerate(sound)]
    sizes = [_size(view) for view in views]
    ranks = [
        (size + np.where(own, 0, UNCONFIRMED) + np.where(fit, 0, UNSOUND)).ravel()
        for size, own, fit in zip(sizes, agreed, sound, strict=True)
    ]
    sure = [np.where(own, np.float32(np.inf), view.confidence).ravel() for view, own in zip(views, agreed, strict=True)]
    means = [size[fit].sum() / max(1, fit.sum()) for size, fit in zip(sizes, sound, strict=True)]
    place = np.argsort(np.argsort(means, kind="stable"))
    found = []
    for index, view in enumerate(views):
        report(index)
        pixels, repeated = np.flatnonzero(sound[index]), np.zeros(view.depth.size, bool)
        near = np.where(agreed[index], settings.stereo_tolerance, settings.depth_tolerance).astype(np.float32).ravel()
        for k in others[index]:
            at, there, depth = land(view, views[k], pixels)
            shown = views[k].depth.ravel()[there]
            better = (ranks[k][there] < ranks[index][at] + (place[k] < place[index])) & (
                sure[k][there] >= sure[index][at]
            )
            repeated[at] |= better & (np.abs(depth - shown) <= near[at] * shown)
        found.append(repeated.reshape(view.depth.shape))
    return found


def _size(view: AlignedView) -> NDArray[np.int16]:
    """(H, W): of what a pixel covers of its surface, in steps of a fifth; 0 without a depth."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = 2 * np.log2(_area(view))
    return np.rint(np.nan_to_num(steps, nan=0.0, posinf=0.0, neginf=0.0)).clip(-LARGEST, LARGEST).astype(np.int16)


def _area(view: AlignedView) -> NDArray[np.float32]:
    """(H, W), scene units squared: what a pixel covers of its surface.

    Of a point z (x, y, 1) on a ray, whose log depth has the gradient g by x and y, the surface is
    z^2 |(-gx, -gy, 1 + gx x + gy y)| times as large as the step of the ray.
    """
    x, y = view.mapping.photo_axes()
    step = np.divide(view.mapping.scale, (view.K[0, 0], view.K[1, 1])).astype(np.float32)
    x = ((x - view.K[0, 2]) / view.K[0, 0]).astype(np.float32)[None, :]
    y = ((y - view.K[1, 2]) / view.K[1, 1]).astype(np.float32)[:, None]
    log = np.log(view.depth)
    gx, gy = _slope(log, 1) / step[0], _slope(log, 0) / step[1]
    slant = np.sqrt(gx**2 + gy**2 + (1 + gx * x + gy * y) ** 2)
    return view.depth**2 * step.prod() * np.nan_to_num(slant, nan=1.0).clip(1, STEEPEST)


def _slope(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Change per pixel along an axis."""
    count = values.shape[axis]
    before, after = (np.clip(np.arange(count) + shift, 0, count - 1) for shift in (-REACH, REACH))
    shape = [1, 1]
    shape[axis] = count
    return (values.take(after, axis) - values.take(before, axis)) / np.float32((after - before).clip(1)).reshape(shape)
