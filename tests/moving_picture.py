"""A textured plane that a camera moves along, so that the motion of every frame is known."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

SIZE = (320, 240)  # (width, height)


@cache
def plane() -> NDArray[np.float32]:
    """Smooth noise, 0 to 1."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(480, 960)), 1.5)
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def frame_at(x: int, y: int = 0) -> NDArray[np.float32]:
    """(240, 320), what the camera sees after it has moved so many pixels."""
    return plane()[y : y + SIZE[1], x : x + SIZE[0]]


def write_photos(folder: Path, places: Iterable[int]) -> list[Path]:
    """One photo for each place of the camera."""
    paths = []
    for number, x in enumerate(places):
        paths.append(folder / f"photo_{number:03d}.png")
        Image.fromarray((frame_at(x) * 255).astype(np.uint8)).convert("RGB").save(paths[-1])
    return paths
