"""Where in a texture each patch lies: rectangles cut out of the photos, on shelves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

PAD = 2  # pixels of the photo around a patch: filters that read a texture reach over its edge
GAP = 1  # texels between rectangles
CELL = 4  # texels each side for a face without a photo
SHRINK = 0.9  # of all patches, while they do not fit
FILLED = 0.85  # of a texture, about what shelves manage
CELL_CORNERS = np.array([[0.5, 0.5], [CELL - 0.5, 0.5], [0.5, CELL - 0.5]])


@dataclass(frozen=True, slots=True)
class Atlas:
    """A texture's layout; texel (0, 0) is at the upper left."""

    size: tuple[int, int]  # (width, height), texels
    boxes: Numbers  # (P, 4): of each patch, left, top, right, bottom in its photo, pixels
    places: Numbers  # (P, 2): its left and top in the texture
    sizes: Numbers  # (P, 2): its width and height there
    cells: Numbers  # (C, 2): left and top of each cell for a face without a photo

    def texels(self, patch: Numbers, pixels: Floats) -> Floats:
        """Where photo pixels (..., 2) of patches (...,) are in the texture."""
        box = self.boxes[patch]
        share = self.sizes[patch] / (box[..., 2:] - box[..., :2])
        return self.places[patch] + (pixels - box[..., :2]) * share


def lay_out(low: Floats, high: Floats, limits: Numbers, cells: int, most: int) -> Atlas:
    """Room for patches that reach from low to high (P, 2) in photos of the sizes `limits` (P, 2), and for some cells.

    A texel is a photo pixel, unless that needs more than `most` texels each way: then all patches shrink alike. Raises
    InputError where even that does not help.
    """
    boxes = np.concatenate([np.floor(low - PAD).clip(0), np.minimum(np.ceil(high + PAD), limits)], axis=1).astype(int)
    extent = boxes[:, 2:] - boxes[:, :2]
    share = 1.0
    while True:
        sizes = np.ceil(extent * share).astype(int).clip(2)
        area = np.prod(sizes + GAP, axis=1).sum() + cells * CELL**2
        width = int(max(np.sqrt(area / FILLED), sizes[:, 0].max(initial=0) + GAP, CELL))
        places, height = _shelves(sizes + GAP, min(width, most))
        across = min(width, most) // CELL
        number = np.arange(cells)
        total = height + CELL * -(-cells // across)
        if width <= most and total <= most:
            corner = np.stack([number % across * CELL, height + number // across * CELL], axis=1)
            return Atlas((width, max(total, 1)), boxes, places, sizes, corner)
        if share < 0.01:
            raise InputError(f"A texture of {most} pixels has no room for {len(boxes)} patches; allow a larger one")
        share *= SHRINK


def _shelves(sizes: Numbers, width: int) -> tuple[Numbers, int]:
    """Left and top (P, 2) of rectangles (P, 2), the highest first, row by row; and the height of all rows."""
    places = np.zeros_like(sizes)
    left = top = shelf = 0
    for k in np.lexsort((sizes[:, 0], -sizes[:, 1])):
        across, down = int(sizes[k, 0]), int(sizes[k, 1])
        if left + across > width:
            left, top, shelf = 0, top + shelf, 0
        places[k], shelf = (left, top), max(shelf, down)
        left += across
    return places, top + shelf
