"""The room of box_room with fine texture on its walls, as photos with certain cameras and a network's wrong depth."""

import numpy as np
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.stereo.surfaces import StereoPhoto
from dust3r.tests import box_room
from PIL import Image

SIZE = (240, 180)  # of a photo
WRONG = 0.08  # relative error of the network's depth, which swings over the photo
EYES = box_room.EYES[:4]


def textured(points):
    """(..., 3) sRGB bytes of world points: waves of several lengths, none of which repeats within the room."""
    waves = sum(
        np.sin(points @ np.array(k) + turn) / n
        for n, (k, turn) in enumerate(
            [((5, 3, 4), 0.0), ((9, -7, 8), 1.0), ((17, 14, -13), 2.0), ((-23, 29, 19), 3.0)], 1
        )
    )
    return np.round(127.5 + 60 * np.clip(np.stack([waves, np.roll(waves, 1), -waves], -1), -2, 2)).astype(np.uint8)


def photo(folder, number, eye, blank=False):
    """(StereoPhoto, its true depth (H, W)); blank: without any texture."""
    K, pose = box_room.intrinsics(SIZE), box_room.look_at(eye)
    _, depth, points = box_room.render(K, pose, SIZE)
    path = folder / f"room_{number}.png"
    Image.fromarray(np.full((*depth.shape, 3), 128, np.uint8) if blank else textured(points)).save(path)
    return StereoPhoto(
        path, None, PixelMapping(SIZE, (80, 60), (3.0, 3.0)), K, pose, network(depth), *seen(K, pose)
    ), depth


def network(depth):
    """(H / 3, W / 3): smoothly wrong."""
    third = depth[1::3, 1::3]
    y, x = np.mgrid[: third.shape[0], : third.shape[1]]
    return (third * (1 + WRONG * np.sin(x / 9) * np.cos(y / 11))).astype(np.float32)


def seen(K, pose, count=300):
    """Points on the walls that the camera sees, and their numbers, the same for all cameras."""
    points = np.random.default_rng(0).uniform(-2, 2, (count, 3))
    points[np.arange(count), np.arange(count) % 3] = np.where(np.arange(count) % 2, 2.0, -2.0)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    with np.errstate(invalid="ignore", divide="ignore"):
        pixels = local[:, :2] / local[:, 2:] * K[0, 0] + K[:2, 2]
    inside = (local[:, 2] > 0) & ((pixels >= 0) & (pixels < SIZE)).all(1)
    return points[inside], np.flatnonzero(inside)


def room(folder, eyes=EYES, **options):
    """(photos, their true depths)."""
    pairs = [photo(folder, number, eye, **options) for number, eye in enumerate(eyes)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
