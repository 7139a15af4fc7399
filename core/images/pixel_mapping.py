"""Where a network pixel lies in the photo it came from. Imports no torch."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_PIXELS = 10**9  # along a side, and of an offset
LEAST_SCALE = 1e-6  # photo pixels per network pixel: of a photo of one pixel about 1e-3
MOST_VIEW_PIXELS = 1 << 26  # that any network is shown of one photo


@dataclass(frozen=True, slots=True)
class PixelMapping:
    """photo = view * scale + offset, per axis; pixel centres at .5 on both sides.

    The photo is the EXIF-turned one, as a person sees it, taken by a lens that bends no line: its pixels are what K and
    cameras speak of. In the file, a pixel at d from the photo's centre is at d (1 + distortion |d|^2).
    """

    photo_size: tuple[int, int]  # (width, height), pixels, after the EXIF turn
    view_size: tuple[int, int]  # (width, height), network pixels
    scale: tuple[float, float] = (1.0, 1.0)  # photo pixels per network pixel
    offset: tuple[float, float] = (0.0, 0.0)  # photo position of the view's top-left corner, photo pixels
    exif_orientation: int = 1  # the EXIF tag of the file (1 to 8), already applied to both sides
    distortion: float = 0.0  # per squared photo pixel; 0: the lens bends no line

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back the same."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "PixelMapping":
        """What `as_dict` gave; raises TypeError for other names, ValueError for numbers that map nothing."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
        mapping = cls(**values)
        if not mapping._maps_pixels():
            raise ValueError(f"{str(content)[:200]} is no mapping of pixels")
        return mapping

    def _maps_pixels(self) -> bool:
        """Whether all numbers are what a mapping's can be."""
        sizes, steps = (*self.photo_size, *self.view_size), (*self.scale, *self.offset)
        pairs = all(len(pair) == 2 for pair in (self.photo_size, self.view_size, self.scale, self.offset))
        whole = all(type(size) is int and 0 < size < MOST_PIXELS for size in sizes)
        finite = all(-MOST_PIXELS < step < MOST_PIXELS for step in steps) and min(self.scale) > LEAST_SCALE
        small = whole and self.view_size[0] * self.view_size[1] <= MOST_VIEW_PIXELS
        return pairs and small and finite and self.exif_orientation in range(1, 9) and self.is_invertible

    @property
    def is_invertible(self) -> bool:
        """Whether the bend keeps the order of pixels along every ray from the centre to a corner."""
        return 3 * abs(self.distortion) * float(np.square(self.photo_centre).sum()) < 1  # False for NaN

    def in_file(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where photo pixels (..., 2) are in the upright file, whose lens may bend lines."""
        off = pixels - self.photo_centre
        return pixels + off * (self.distortion * (off**2).sum(axis=-1, keepdims=True))

    def cropped(self, left: int, top: int, size: tuple[int, int]) -> "PixelMapping":
        """That of a part of the view, (width, height) network pixels from this column and row on."""
        x, y = (offset + step * by for offset, step, by in zip(self.offset, self.scale, (left, top), strict=True))
        return replace(self, view_size=size, offset=(x, y))

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
