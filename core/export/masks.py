"""What photos' masks leave out, as pictures for trainers: white is kept, black is left out.

A mask is masks/<the photo's file name>.png, COLMAP's way (photo.jpg: masks/photo.jpg.png), as large as the upright
photo. It is as fine as the network's pixels, between which its edge runs smoothly; beyond the part of the photo that
the network saw, the nearest pixel goes on.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..io.atomic import replacing
from ..reconstruction.result import AlignedView

MASKS = "masks"


def are_masked(views: Sequence[AlignedView]) -> bool:
    """Whether any of the photos is masked: then trainers want a mask of every one."""
    return not all(view.mask.all() for view in views)


def mask_name(photo: str) -> str:
    """The mask's file beside `MASKS` for a photo's file beside the images."""
    return f"{photo}.png"


def photo_mask(view: AlignedView) -> NDArray[np.bool_]:
    """(H, W) of the upright photo's pixels: the network pixels' mask between its pixel centres, True = keep."""
    size, (scale_x, scale_y), (x, y) = view.mapping.photo_size, view.mapping.scale, view.mapping.offset
    rows = _spread(view.mask.astype(np.float32), size[1], scale_y, y)
    return _spread(rows.T, size[0], scale_x, x).T >= 0.5


def _spread(values: NDArray[np.float32], count: int, scale: float, offset: float) -> NDArray[np.float32]:
    """(M, ...) -> (count, ...): linear between the network's pixel centres, at scale * (m + 0.5) + offset each."""
    at = np.clip((np.arange(count) + 0.5 - offset) / scale - 0.5, 0, len(values) - 1)
    before = at.astype(np.int64)
    after = np.minimum(before + 1, len(values) - 1)
    share = (at - before).astype(np.float32)[:, None]
    return values[before] * (1 - share) + values[after] * share


def save_masks(views: Sequence[AlignedView], names: Sequence[str], folder: Path) -> None:
    """Write the mask of every photo, black and white in 8 bit; names: the photos' files."""
    for view, name in zip(views, names, strict=True):
        content = io.BytesIO()
        Image.fromarray(np.where(photo_mask(view), 255, 0).astype(np.uint8)).save(content, format="PNG")
        with replacing(folder / mask_name(name)) as file:
            file.write(content.getvalue())
