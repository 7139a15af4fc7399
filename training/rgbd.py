"""Posed RGB-D folders as training data: images/, depth/ and cameras.json of one scene or of many."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..core.cameras.posed_images import CAMERAS, PosedPhoto, read_depth, read_posed_photos
from ..core.errors import InputError
from ..core.geometry.camera import sample_depth, unproject
from ..core.images.pixel_mapping import PixelMapping
from ..core.images.reader import open_photo
from .batch import SceneBatch
from .overlap import ENOUGH, Overlaps, grid_intrinsics, on_grid

CLOSEST = 0.7  # the smallest crop's side, as a share of the largest's

Array = NDArray[np.float64]


class FolderSource:
    """A Source of real or rendered views (training/batch.py): crops of photos, resized, their K followed exactly."""

    def __init__(self, root: Path, seed: int) -> None:
        """root: a scene's folder, or a folder of such; depth as `posed_photos.read_depth` reads it.

        Raises InputError, naming the place, for a root without scenes, a photo without depth or an unusable camera.
        """
        self._scenes, self._seed = [_Scene(folder) for folder in _scene_folders(root)], seed

    def batch(
        self, number: int, scenes: int, views: int, pairs: int, size: tuple[int, int], unordered: bool = False
    ) -> SceneBatch:
        """Batch `number`: scenes drawn with repetition, views that overlap, ordered pairs of those.

        Where a scene has fewer overlapping photos than views, some are taken again with another crop. Raises InputError
        when a file cannot be read or no two photos of a scene see the same surface.
        """
        rng = np.random.default_rng((self._seed, number))
        drawn = [
            self._scenes[int(k)].draw(rng, views, pairs, size, unordered)
            for k in rng.integers(len(self._scenes), size=scenes)
        ]
        return SceneBatch(*(torch.from_numpy(np.stack(column)) for column in zip(*drawn, strict=True)))


class _Scene:
    """One folder; small depth maps of all its photos are read when it is first drawn from."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._photos = folder, read_posed_photos(folder)
        self._overlaps: Overlaps | None = None
        for photo in self._photos:
            if photo.depth is None:
                raise InputError(
                    f"{photo.path} has no depth; add {folder / 'depth' / photo.path.stem}.png or .npz, "
                    f"or take it out of {CAMERAS}"
                )

    def draw(
        self, rng: np.random.Generator, views: int, pairs: int, size: tuple[int, int], unordered: bool
    ) -> tuple[NDArray[np.generic], ...]:
        """Images (V, 3, H, W), points, valid, cam2world, K and pairs (P, 2): a SceneBatch of one scene in NumPy."""
        chosen = self._choose(rng, views)
        made = [_crop_view(self._photos[k], rng, size) for k in chosen]
        images, points, valid, K = (np.stack(column) for column in zip(*made, strict=True))
        poses = np.stack([self._photos[k].cam2world for k in chosen])
        return images, points, valid, poses.astype(np.float32), K, self._pairs(rng, chosen, pairs, unordered)

    def _choose(self, rng: np.random.Generator, views: int) -> list[int]:
        """Photos of which each overlaps an earlier one."""
        overlaps = self._read_overlaps()
        for start in rng.permutation(len(overlaps)):
            chosen = [int(start)]
            reached = _near(overlaps, chosen[0])
            while reached and len(chosen) < views:
                chosen.append(int(rng.choice(sorted(reached))))
                reached = (reached | _near(overlaps, chosen[-1])) - set(chosen)
            if len(chosen) > 1 or views == 1:
                more = rng.integers(len(chosen), size=views - len(chosen))
                return chosen + [chosen[int(k)] for k in more]
        raise InputError(
            f"No two photos of {self._folder} see the same surface; check {CAMERAS} (OpenCV axes, cam2world) and depth"
        )

    def _pairs(self, rng: np.random.Generator, chosen: list[int], count: int, unordered: bool) -> NDArray[np.int64]:
        """Ordered pairs of different photos that overlap, each once as long as there are enough.

        unordered: (i, j) and (j, i) count as one.
        """
        overlaps, every = self._read_overlaps(), range(len(chosen))
        order = [
            (i, j)
            for i in every
            for j in every
            if chosen[i] != chosen[j] and not (unordered and i > j) and overlaps.row(chosen[i])[chosen[j]] >= ENOUGH
        ] or [(0, 0)]
        rounds = [rng.permutation(len(order)) for _ in range(-(-count // len(order)))]
        return np.array(order, dtype=np.int64)[np.concatenate(rounds)[:count]]

    def _read_overlaps(self) -> Overlaps:
        if self._overlaps is None:
            depth = np.stack([on_grid(_depth_of(photo)) for photo in self._photos])
            K = np.stack([grid_intrinsics(photo.K, photo.size) for photo in self._photos])
            self._overlaps = Overlaps(depth, K, np.stack([photo.cam2world for photo in self._photos]))
        return self._overlaps


def _scene_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise InputError(f"{root} is no folder; name one with images/, depth/ and {CAMERAS}, or one of such folders")
    if (root / CAMERAS).exists():
        return [root]
    found = sorted(folder.parent for folder in root.glob(f"*/{CAMERAS}"))
    if not found:
        raise InputError(f"{root} holds no scene: neither it nor a folder in it has a {CAMERAS}")
    return found


def _near(overlaps: Overlaps, i: int) -> set[int]:
    return {int(j) for j in np.flatnonzero(overlaps.row(i) >= ENOUGH)} - {i}


def _depth_of(photo: PosedPhoto) -> NDArray[np.float32]:
    assert photo.depth is not None, "the scene has checked it"
    return read_depth(photo.depth)


def _crop_view(photo: PosedPhoto, rng: np.random.Generator, size: tuple[int, int]) -> tuple[NDArray[np.generic], ...]:
    """A random crop of the photo at `size`: colours (3, H, W), world points (H, W, 3), valid (H, W) and K (3, 3)."""
    image, depth = open_photo(photo.path).image, _depth_of(photo)
    if image.size != photo.size:
        raise InputError(
            f"{photo.path} is {image.width} x {image.height} pixels, but {CAMERAS} says "
            f"{photo.size[0]} x {photo.size[1]}; correct one of them"
        )
    scale = min(photo.size[0] / size[0], photo.size[1] / size[1]) * rng.uniform(CLOSEST, 1)
    left, top = rng.uniform(0, 1, 2) * (np.array(photo.size) - scale * np.array(size))
    box = (left, top, min(left + scale * size[0], photo.size[0]), min(top + scale * size[1], photo.size[1]))
    colors = np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box))
    positions = PixelMapping(photo.size, size, (scale, scale), (left, top)).photo_pixels()
    z = np.nan_to_num(sample_depth(depth, positions * (np.array(depth.shape[::-1]) / photo.size)))
    points = unproject(positions, z, photo.K, photo.cam2world)
    K = np.diag([1 / scale, 1 / scale, 1]) @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]]) @ photo.K
    return colors.transpose(2, 0, 1), points.astype(np.float32), z > 0, K.astype(np.float32)
