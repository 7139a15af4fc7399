"""The network's depth brought onto triangulated points by a factor that varies smoothly over the photo. NumPy only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..geometry.camera import project
from ..images.pixel_mapping import PixelMapping
from .adjust import AdjustedCamera, network_depth
from .settings import AdjustmentSettings

Array = NDArray[np.float64]


def tied_depth(
    depth: NDArray[np.float32], mapping: PixelMapping, camera: AdjustedCamera, settings: AdjustmentSettings
) -> NDArray[np.float32]:
    """(H, W): depth times exp(field), where the field is the local mean of log(point's depth / network's depth).

    The mean is weighted by a Gaussian of the distance in the photo, robustly (Cauchy), with a pull to the photo's
    median ratio that decides where no point is near. Without points the depth is as it was.
    """
    z = project(camera.points, camera.K, camera.cam2world)[1]
    network = network_depth(depth, mapping, camera.pixels)
    usable = (z > 0) & (network > 0)
    if not usable.any():
        return depth
    ratio, pixels = np.log(z[usable] / network[usable]), camera.pixels[usable]
    middle = float(np.median(ratio))
    spread = max(1.5 * float(np.median(np.abs(ratio - middle))), 1e-6)
    weight = 1 / (1 + ((ratio - middle) / (3 * spread)) ** 2)
    nodes = [np.linspace(0, side, settings.field_nodes) for side in mapping.photo_size]
    field = middle + _local_mean(pixels, ratio - middle, weight, nodes, mapping.photo_size, settings)
    return (depth * np.exp(_between(field, nodes, mapping.photo_axes()))).astype(np.float32)


def _local_mean(
    pixels: Array,
    values: Array,
    weight: Array,
    nodes: Sequence[Array],
    size: tuple[int, int],
    settings: AdjustmentSettings,
) -> Array:
    """(rows, columns): weighted mean of the values around every node, and of `field_pull` more values of 0."""
    width = settings.field_width * max(size)
    across, down = (
        np.exp(-0.5 * ((nodes[axis][:, None] - pixels[:, axis]) / width) ** 2) for axis in (0, 1)
    )  # (nodes, M)
    total = (down * weight) @ across.T
    return ((down * (weight * values)) @ across.T) / (total + settings.field_pull)


def _between(field: Array, nodes: Sequence[Array], axes: Sequence[Array]) -> Array:
    """(H, W): the field at the network's pixels, bilinear between nodes."""
    rows = np.stack([np.interp(axes[0], nodes[0], row) for row in field])
    return np.stack([np.interp(axes[1], nodes[1], column) for column in rows.T], axis=1)
