"""Flying pixels: a network smooths depth across an edge, so some pixels hang between the near and the far surface."""

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.result import AlignedView
from .settings import CleanupSettings

Floats = NDArray[np.float32]
REACH = 4  # network pixels to either side, where the surfaces beside an edge are met


def find_edges(view: AlignedView, settings: CleanupSettings) -> NDArray[np.bool_]:
    """(H, W): pixels on a short, steep ramp of depth along their row or column.

    Inverse depth is linear in the pixels of a plane however slanted it is, so a ramp is told from a slanted surface by
    what lies around it: flying pixels differ from both neighbours, in one direction, by more than `edge_step` of their
    inverse depth, and by `edge_contrast` times what neighbours differ by on the steeper of the two sides. Where all
    depths are rough, both must stand out from that too. A clean jump from one surface to another is none: both its
    pixels have a neighbour at their own depth.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        nearness = np.where(view.kept() & (view.depth > 0), 1 / view.depth, np.nan).astype(np.float32)
    return _on_ramp(nearness, settings) | _on_ramp(nearness.T, settings).T


def _on_ramp(nearness: Floats, settings: CleanupSettings) -> NDArray[np.bool_]:
    """(H, W): the same along the rows alone; nearness is 1 / depth, NaN where there is none."""
    steps = np.diff(nearness, axis=1, prepend=np.nan, append=np.nan)  # (H, W + 1): into each pixel, and out of it
    into, out = steps[:, :-1], steps[:, 1:]
    step = np.where(into * out > 0, np.minimum(np.abs(into), np.abs(out)), 0)
    bends = np.abs(out - into) / nearness  # nothing on a plane
    roughness = float(np.median(bends[np.isfinite(bends)])) if np.isfinite(bends).any() else 0.0
    threshold = max(settings.edge_step, settings.noise_factor * roughness)
    return (step > threshold * nearness) & (step > settings.edge_contrast * _steeper_side(np.abs(steps)))


def _steeper_side(steps: Floats) -> Floats:
    """(H, W): the larger of the steps REACH and one more pixels to the left, and to the right, each their smaller.

    steps: (H, W + 1), absolute. Beyond the picture's border the last one inside counts.
    """
    padded = np.pad(steps[:, 1:-1], ((0, 0), (REACH + 1, REACH + 1)), mode="edge")
    width = steps.shape[1] - 1
    left = np.fmin(padded[:, 0:width], padded[:, 1 : width + 1])
    right = np.fmin(padded[:, 2 * REACH : 2 * REACH + width], padded[:, 2 * REACH + 1 : 2 * REACH + 1 + width])
    return np.fmax(left, right)
