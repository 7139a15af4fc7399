"""Photos as a lens that bends no line would have taken them. Imports no torch."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from .pixel_mapping import PixelMapping
from .reader import Photo, open_photo

NEAR = 0.01  # pixels: how far a place may be off for a bend that is taken for bilinear within small squares
SQUARES = (4, 64)  # sides of these, pixels


def open_straight(path: Path, mapping: PixelMapping) -> Photo:
    """The photo that a mapping speaks of: upright, its lens's bend taken out.

    Raises InputError as `open_photo` does.
    """
    photo = open_photo(path)
    if not mapping.distortion or photo.image.size != mapping.photo_size:
        return photo
    alpha = photo.alpha and straightened(photo.alpha, mapping)
    return replace(photo, image=straightened(photo.image, mapping), alpha=alpha)


def straightened(image: Image.Image, mapping: PixelMapping) -> Image.Image:
    """An upright image of the photo's size, or in its proportions, without the bend; black where nothing was seen."""
    width, height = image.size
    step = np.array(mapping.photo_size) / image.size
    farthest = float(np.hypot(*mapping.photo_centre))
    side = np.sqrt(8 * NEAR / (6 * abs(mapping.distortion) * farthest)) / step.max()  # by the second derivative
    cell = int(np.clip(side, *SQUARES))
    x, y = (np.unique([*range(0, size, cell), size]) for size in image.size)
    corners = mapping.in_file(np.stack(np.meshgrid(x, y), axis=-1) * step) / step
    # Of every square, as Pillow wants them: top left, bottom left, bottom right, top right.
    around = np.concatenate([corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]], axis=-1)
    boxes = [(left, top, right, bottom) for top, bottom in pairwise(y.tolist()) for left, right in pairwise(x.tolist())]
    mesh = list(zip(boxes, map(tuple, around.reshape(-1, 8).tolist()), strict=True))
    return image.transform((width, height), Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)
