"""Where a network pixel lies in the photo it came from. Imports no torch."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_PIXELS = 10**9  # along a side, and of an offset


@dataclass(frozen=True, slots=True)
class PixelMapping:
    """photo = view * scale + offset, per axis; pixel centres at .5 on both sides.

    The photo is the EXIF-turned one, as a person sees it: its pixels are what K and cameras speak of.
    """

    photo_size: tuple[int, int]  # (width, height), pixels, after the EXIF turn
    view_size: tuple[int, int]  # (width, height), network pixels
    scale: tuple[float, float] = (1.0, 1.0)  # photo pixels per network pixel
    offset: tuple[float, float] = (0.0, 0.0)  # photo position of the view's top-left corner, photo pixels
    exif_orientation: int = 1  # the EXIF tag of the file (1 to 8), already applied to both sides

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back the same."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "PixelMapping":
        """What `as_dict` gave; raises TypeError for other names, ValueError for numbers that map nothing."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
        mapping = cls(**values)
        sizes, steps = (*mapping.photo_size, *mapping.view_size), (*mapping.scale, *mapping.offset)
        pairs = {len(pair) for pair in (mapping.photo_size, mapping.view_size, mapping.scale, mapping.offset)}
        whole = all(type(size) is int and 0 < size < MOST_PIXELS for size in sizes)
        if pairs != {2} or not whole or not all(-MOST_PIXELS < step < MOST_PIXELS for step in steps):
            raise ValueError(f"{content} is no mapping of pixels")
        if not min(mapping.scale) > 0 or mapping.exif_orientation not in range(1, 9):
            raise ValueError(f"{content} is no mapping of pixels")
        return mapping

    @property
    def photo_centre(self) -> tuple[float, float]:
        """The default principal point, photo pixels."""
        return self.photo_size[0] / 2, self.photo_size[1] / 2

    def photo_axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Photo x (W,) of the network pixels' columns and photo y (H,) of their rows, at the pixels' centres."""
        width, height = self.view_size
        x = (np.arange(width) + 0.5) * self.scale[0] + self.offset[0]
        y = (np.arange(height) + 0.5) * self.scale[1] + self.offset[1]
        return x, y

    def photo_pixels(self) -> NDArray[np.float64]:
        """Photo position of every network pixel's centre: (H, W, 2) as (x, y)."""
        return np.stack(np.meshgrid(*self.photo_axes()), axis=-1)
