"""Sky: smooth, open to the picture's top, and where the network is unsure and sees far.

No single sign is enough. Grey walls, white ceilings and blue paint look like one sky or another, but networks are sure
of walls, put them no farther than what stands before them, and other photos see them at the same place; blue cars and
the sea do not reach the top of the picture on their own.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..reconstruction.result import AlignedView
from .agreement import Agreement
from .settings import CleanupSettings

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

SURE = 0.75  # quantile of a photo: the confidence of what is no sky, and its far end
OCTAVES = 2.0  # twice the depth, so many times, is as far as counts
SLACK = 0.25  # by which a single pixel may fall short of the evidence that its region needs
ROUGH = 6.0  # sRGB levels from pixel to pixel, from which on it is no sky
CALM = 2.0  # the same on average over a region: skies with clouds have less, walls with a pattern twice as much
DARK = 80.0  # sRGB levels of the strongest channel; below it no daylight
OFF = 6.0  # sRGB levels by which a colour may miss what it is tested for: noise, and haze
GLOW = 16.0  # sRGB levels by which a dusk turns from blue to red between its upper and its lower third
DULL = 64.0  # sRGB levels below the rest of the photo at which a region is as unlike a sky as brightness can tell
SMALLEST = 0.002  # of the picture; smaller regions are not judged
BORDER = 2  # network pixels at which a region ends before its edge, for an edge is rough


def find_sky(view: AlignedView, agreement: Agreement, settings: CleanupSettings) -> Mask:
    """(H, W): the regions that touch the top of the upright photo and are sky by all evidence together."""
    kept = view.kept() & (view.depth > 0)
    if not kept.any():
        return np.zeros(kept.shape, bool)
    colors = np.asarray(ndimage.gaussian_filter(view.colors.astype(np.float32), (1, 1, 0)), np.float32)
    slopes = np.stack(np.gradient(colors, axis=(0, 1)))
    unplaced = _unplaced(view, kept)
    elsewhere = _seen_elsewhere(agreement, settings)
    possible = unplaced >= settings.sky_evidence - SLACK
    sky = np.zeros(kept.shape, bool)
    for region in _regions_from_above(possible & _colored_like_sky(colors) & (_length(slopes) < ROUGH)):
        evidence = (unplaced - 0.5 * elsewhere)[region].mean() + _color_evidence(colors, region)
        if evidence - 0.5 * _pattern(slopes[:, region]) >= settings.sky_evidence:
            sky |= region
    return _completed(sky, possible)


def _unplaced(view: AlignedView, kept: Mask) -> Floats:
    """(H, W), smoothed: 1 where the network knows nothing, more beyond the photo's sure points, less before them."""
    weight = np.log(view.confidence.astype(np.float32)).clip(0)
    sure = max(float(np.quantile(weight[kept], SURE)), np.finfo(np.float32).tiny)
    unsure = 1 - (weight / sure).clip(0, 1)
    depth = np.where(kept, view.depth, 1).astype(np.float32)
    far = (np.log2(depth / _weighted_quantile(depth[kept], weight[kept], SURE)) / OCTAVES).clip(-1, 1)
    return np.asarray(ndimage.uniform_filter(np.where(kept, unsure + far, 0).astype(np.float32), 5), np.float32)


def _seen_elsewhere(agreement: Agreement, settings: CleanupSettings) -> Floats:
    """(H, W): share of the photos seeing a point that confirm it; less where photos disagree everywhere."""
    share = agreement.confirmed / np.maximum(agreement.seen, np.float32(1))
    return share * np.float32(settings.depth_tolerance / agreement.tolerance)


def _weighted_quantile(values: Floats, weight: Floats, share: float) -> float:
    """The value that `share` of the weight lies at or below; of all values alike where none has a weight."""
    if not weight.any():
        weight = np.ones_like(weight)
    order = np.argsort(values)
    reached = np.cumsum(weight[order], dtype=np.float64)
    return float(values[order[np.searchsorted(reached, share * reached[-1])]])


def _length(slopes: Floats) -> Floats:
    """(...): of slopes (2, ..., 3), sRGB levels from pixel to pixel, in the channel where they are steepest."""
    return np.sqrt((slopes**2).sum(axis=0)).max(axis=-1)


def _pattern(slopes: Floats) -> float:
    """0 to 1: how restless the colours of a region are, but for fading evenly; slopes: (2, M, 3)."""
    restless = _length(slopes - slopes.mean(axis=1, keepdims=True)).mean()
    return float((restless / CALM - 1).clip(0, 1))


def _colored_like_sky(colors: Floats) -> Mask:
    """(H, W): bright enough, and neither leaves nor grass."""
    red, green, blue = np.moveaxis(colors, -1, 0)
    return (colors.max(axis=-1) > DARK) & (green < np.maximum(red, blue) + OFF)


def _regions_from_above(possible: Mask) -> list[Mask]:
    """The connected regions, large enough to be judged, that reach the first row."""
    labels = np.empty(possible.shape, np.int32)
    ndimage.label(possible, output=labels)
    sizes = np.bincount(labels.ravel())
    top = [label for label in np.unique(labels[0]) if label and sizes[label] >= SMALLEST * possible.size]
    return [labels == label for label in top]


def _color_evidence(colors: Floats, region: Mask) -> float:
    """-0.85 to 0.1: for blue, against warm colours that are no dusk, and against what is darker than the rest."""
    red, green, blue = colors[region].T
    tint = float(((blue - red).mean() / GLOW).clip(-1, 1))
    warm = 0.0 if _is_dusk(colors, region) else float(((red > green + OFF) | (green > blue + OFF)).mean())
    rest = colors[~region].mean() if not region.all() else 0.0
    dull = float(((rest - colors[region].mean()) / DULL).clip(0, 1))
    return 0.1 * tint - 0.5 * warm - 0.25 * dull


def _is_dusk(colors: Floats, region: Mask) -> bool:
    """Whether the colours turn warmer from the upper third of a region to its lower third, and no darker."""
    inside, rows = colors[region], np.nonzero(region)[0]
    upper, lower = (inside[rows <= np.quantile(rows, 1 / 3)], inside[rows >= np.quantile(rows, 2 / 3)])
    change = lower.mean(axis=0) - upper.mean(axis=0)
    return bool(change[0] - change[2] >= GLOW and change.sum() >= 0)


def _completed(sky: Mask, possible: Mask) -> Mask:
    """The same with what it encloses and its rough border, as far as depth and confidence allow."""
    if not sky.any():
        return sky
    whole = np.asarray(ndimage.binary_dilation(ndimage.binary_fill_holes(sky), iterations=BORDER), bool)
    return (whole & possible) | sky
