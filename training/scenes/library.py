"""The tiles that scenes choose from: drawn patterns, abstract pictures, and photographs from a folder of the user's."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ...core.errors import InputError
from ...core.images.reader import find_photos, open_photo
from .atlas import SIDE, Atlas, make_atlas
from .patterns import FAMILIES, Rng, fractal_noise

STAINS = 4  # the first tiles: soft noise
PICTURES = 24
PHOTO_TILES = (120, 512)  # at least and at most: few photos are cut more than once
LONGEST = 1024  # pixels to which photos are shrunk before tiles are cut from them
CUT = SIDE // 2  # pixels of a cut's side: a quarter of a tile


@lru_cache(maxsize=2)
def load_atlas(textures: Path | None) -> Atlas:
    """All tiles, always the same ones for the same folder.

    Raises InputError when the folder is missing or holds no photo that can be read.
    """
    members = {"photo": _photo_tiles(textures) if textures else []}
    members = {**_drawn_tiles(), **members}  # in this order: stains come first
    families, tiles = {}, []
    for name, some in members.items():
        families[name] = tuple(range(len(tiles), len(tiles) + len(some)))
        tiles += some
    return make_atlas(tiles, families)


@lru_cache(maxsize=1)
def _drawn_tiles() -> dict[str, list[NDArray[np.uint8]]]:
    """Tiles by family; the soft stains first, for materials number them from 0."""
    tiles = {"stain": [_stain(np.random.default_rng([1, number])) for number in range(STAINS)]}
    tiles |= {name: [draw(_rng(name, n)) for n in range(count)] for name, (draw, count) in FAMILIES.items()}
    return tiles | {"picture": [picture(_rng("picture", number)) for number in range(PICTURES)]}


def _rng(name: str, number: int) -> Rng:
    return np.random.default_rng([number, *name.encode()])


def _stain(rng: Rng) -> NDArray[np.uint8]:
    soft = np.round(fractal_noise(rng, 1.7) * 255).astype(np.uint8)
    return np.repeat(soft[..., None], 3, -1)


def picture(rng: Rng) -> NDArray[np.uint8]:
    """An abstract picture in colours of its own: a graded ground with discs, polygons and strokes."""
    top, bottom = rng.integers(0, 256, (2, 3))
    ramp = np.linspace(0, 1, SIDE)[:, None, None] ** rng.uniform(0.5, 2)
    image = Image.fromarray(np.broadcast_to(top * (1 - ramp) + bottom * ramp, (SIDE, SIDE, 3)).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 30))):
        colour, kind = tuple(int(c) for c in rng.integers(0, 256, 3)), rng.integers(3)
        x, y = rng.integers(0, SIDE, 2)
        size = int(SIDE * rng.uniform(0.03, 0.3))
        if kind == 0:
            pen.ellipse([x - size, y - size, x + size, y + size], fill=colour)
        elif kind == 1:
            corners = rng.integers(-size, size + 1, (int(rng.integers(3, 6)), 2)) + np.array([x, y])
            pen.polygon([tuple(int(c) for c in corner) for corner in corners], fill=colour)
        else:
            ends = rng.integers(0, SIDE, (3, 2))
            pen.line([tuple(int(c) for c in end) for end in ends], fill=colour, width=int(rng.integers(2, 12)))
    return np.asarray(image)


def _photo_tiles(folder: Path) -> list[NDArray[np.uint8]]:
    """The folder's surfaces, mirrored both ways so that they go round."""
    tiles = []
    for cut in cut_surfaces(folder):
        quarter = np.asarray(cut)
        half = np.concatenate([quarter, quarter[:, ::-1]], 1)
        tiles.append(np.concatenate([half, half[::-1]], 0))
    return tiles


def cut_surfaces(folder: Path) -> list[Image.Image]:
    """Square cuts of the folder's photos, CUT pixels a side; photos of just that size are taken whole.

    Raises InputError when the folder is missing or holds no photo that can be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give one that holds photos to be used as textures")
    photos = []
    for path in find_photos([folder])[: PHOTO_TILES[1]]:
        try:
            image = open_photo(path).image
        except InputError:
            continue
        image.thumbnail((LONGEST, LONGEST))
        photos.append(image)
    if not photos:
        raise InputError(f"None of the photos in {folder} can be read; give a folder of JPEG or PNG files")
    rng = np.random.default_rng(2)
    return [_cut(photos[number % len(photos)], rng) for number in range(max(len(photos), PHOTO_TILES[0]))]


def _cut(image: Image.Image, rng: Rng) -> Image.Image:
    if image.size == (CUT, CUT):
        return image
    side = int(min(image.size) * rng.uniform(0.3, 1.0))
    left, top = (int(rng.integers(0, length - side + 1)) for length in image.size)
    return image.crop((left, top, left + side, top + side)).resize((CUT, CUT), Image.Resampling.LANCZOS)
