"""Reconstructions whose every point, pixel and colour is known by formula, with their photos on disk."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.io.atomic import file_digest
from dust3r.core.reconstruction.localization import Localization, LocalizedPhoto
from dust3r.core.reconstruction.result import AlignedView, Reconstruction
from dust3r.core.settings import LocalizationSettings, ReconstructionSettings
from PIL import Image

# what a camera did to the upright picture, by EXIF orientation: the inverse of what a reader has to do
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Shot:
    """One photo to be made; lengths in photo pixels."""

    name: str
    size: tuple[int, int] = (96, 64)
    focal: tuple[float, float] = (80.0, 80.0)
    principal_point: tuple[float, float] | None = None  # the centre
    view_size: tuple[int, int] | None = None  # network pixels; the photo's own
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    orientation: int = 1
    flat: bool = False  # a wall seen head-on, else wavy ground

    def mapping(self) -> PixelMapping:
        return PixelMapping(self.size, self.view_size or self.size, self.scale, self.offset, self.orientation)


SHOTS = (
    Shot("landscape.png"),
    Shot("portrait.png", size=(60, 90)),
    Shot("square.png", size=(64, 64)),
    Shot("cropped.png", size=(200, 120), focal=(150, 150), view_size=(48, 32), scale=(3.5, 3.5), offset=(16, 4)),
    Shot("off centre.png", principal_point=(70.3, 12.9)),
    Shot("tall pixels.png", focal=(80, 65)),
    Shot("wide pixels.png", focal=(65, 80), principal_point=(40, 40)),
    Shot("turned right.png", size=(60, 90), orientation=6),
    Shot("turned left.jpg", size=(90, 60), orientation=8),
)


def make_reconstruction(folder: Path, shots: tuple[Shot, ...] = SHOTS, **changes) -> Reconstruction:
    """One view per shot, its photo written to `folder`; cameras on an arc that look at the same place."""
    views = tuple(_view(shot, k, folder) for k, shot in enumerate(shots))
    values = {
        "model": "synthetic@0123456789ab",
        "settings": ReconstructionSettings(min_confidence=1.5),
        "version": "0.1.0",
    }
    return Reconstruction(views, **(values | changes))


def as_placed(photos: Reconstruction, inliers: int) -> Reconstruction:
    """The photos as if they had been placed in a world that was there, each with so many matches."""
    found = tuple(LocalizedPhoto(view.name, inliers, 100, 0.5, ()) for view in photos.views)
    return replace(photos, localization=Localization(LocalizationSettings(), found))


def upright_photo(size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8: smooth, unlike any turned or mirrored copy of itself."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    return np.round(255 * np.stack([x, y, 0.5 + 0.4 * np.sin(5 * x * x)], axis=-1)).astype(np.uint8)


def write_photo(path: Path, upright: np.ndarray, orientation: int) -> None:
    image = Image.fromarray(upright)
    exif = Image.Exif()
    if orientation != 1:
        image = image.transpose(STORED[orientation])
        exif[ORIENTATION_TAG] = orientation
    image.save(path, exif=exif, **({"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}))


def _view(shot: Shot, index: int, folder: Path) -> AlignedView:
    mapping, upright = shot.mapping(), upright_photo(shot.size)
    write_photo(folder / shot.name, upright, shot.orientation)
    pixels = mapping.photo_pixels()
    cx, cy = shot.principal_point or mapping.photo_centre
    K = np.array([[shot.focal[0], 0, cx], [0, shot.focal[1], cy], [0, 0, 1.0]])
    x, y = pixels[..., 0] / shot.size[0], pixels[..., 1] / shot.size[1]
    waves = np.zeros_like(x) if shot.flat else 0.3 * np.sin(7 * x) * np.cos(5 * y)
    return AlignedView(
        name=shot.name,
        path=folder / shot.name,
        mapping=mapping,
        K=K,
        cam2world=camera_on_arc(index),
        depth=(2 + waves).astype(np.float32),
        confidence=(1 + 4 * x).astype(np.float32),
        colors=upright[np.floor(pixels[..., 1]).astype(int), np.floor(pixels[..., 0]).astype(int)],
        mask=y > 0.1,
        sha256=file_digest(folder / shot.name),
    )


def camera_on_arc(index: int) -> np.ndarray:
    """cam2world of the index-th camera: turned about y and x, shifted along the arc."""
    about_y, about_x = 0.2 * index, 0.1 * np.sin(index)
    cos, sin = np.cos(about_y), np.sin(about_y)
    Ry = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    cos, sin = np.cos(about_x), np.sin(about_x)
    Rx = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    cam2world = np.eye(4)
    cam2world[:3, :3] = Ry @ Rx
    cam2world[:3, 3] = np.array([0, 0, 2.0]) - cam2world[:3, :3] @ np.array([0, 0, 2.0])
    return cam2world
