"""Depth maps of shapes known in closed form, with their photos, larger than the depth maps, on disk."""

import numpy as np
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.reconstruction.result import AlignedView, Reconstruction
from dust3r.core.settings import ReconstructionSettings
from dust3r.tests import box_room
from PIL import Image

SIZE, PHOTO = (96, 72), 3  # of a depth map; photo pixels per depth pixel
FRONT = ((0, 0, -3), (-1.2, 0.4, -2.7), (1.2, -0.4, -2.7))  # places to see the unit sphere's front from


def paint(points):
    """(..., 3) sRGB bytes of world points: smooth, different everywhere."""
    return np.round((0.5 + 0.45 * np.sin(3 * points)) * 255).astype(np.uint8)


def rays(K, cam2world, mapping):
    """Directions (H, W, 3) of unit depth, world."""
    pixels = mapping.photo_pixels()
    straight = np.concatenate([(pixels - K[:2, 2]) / K[[0, 1], [0, 1]], np.ones((*pixels.shape[:2], 1))], axis=-1)
    return straight @ cam2world[:3, :3].T


def sphere_depth(directions, eye):
    """z depth (H, W) of the unit sphere around the origin, NaN beside it; directions have unit depth."""
    a, b, c = (directions**2).sum(-1), directions @ eye, eye @ eye - 1
    with np.errstate(invalid="ignore"):
        return (-b - np.sqrt(b**2 - a * c)) / a


def room_depth(directions, eye):
    """z depth (H, W) of the room from -2 to 2, seen from within."""
    with np.errstate(divide="ignore"):
        return ((np.sign(directions) * box_room.HALF - eye) / directions).min(axis=-1)


def make_view(folder, name, eye, depth_of, target=(0, 0, 0), gain=1.0):
    """One photo of a shape; gain: of its exposure."""
    size = SIZE[0] * PHOTO, SIZE[1] * PHOTO
    K, pose = box_room.intrinsics(size, 1.1 * size[0]), box_room.look_at(np.array(eye, float), target)
    coarse, fine = PixelMapping(size, SIZE, (PHOTO, PHOTO)), PixelMapping(size, size)
    photo = shade(K, pose, fine, depth_of, gain)
    Image.fromarray(photo).save(folder / name)
    depth = depth_of(rays(K, pose, coarse), pose[:3, 3])
    confidence = np.full(depth.shape, 3, np.float32)
    colors = shade(K, pose, coarse, depth_of, gain)
    return AlignedView(
        name, folder / name, coarse, K, pose, depth.astype(np.float32), confidence, colors, np.isfinite(depth)
    )


def shade(K, pose, mapping, depth_of, gain):
    """(H, W, 3) bytes, black beside the shape."""
    directions = rays(K, pose, mapping)
    depth = depth_of(directions, pose[:3, 3])
    colors = paint(np.nan_to_num(pose[:3, 3] + directions * depth[..., None])) * gain
    return np.where(np.isfinite(depth)[..., None], np.clip(colors, 0, 255), 0).astype(np.uint8)


def sphere(folder, eyes=FRONT, **more):
    views = tuple(make_view(folder, f"sphere_{k}.png", eye, sphere_depth, **more) for k, eye in enumerate(eyes))
    return world(views)


def room(folder, count=3):
    views = [
        make_view(folder, f"room_{k}.png", eye, room_depth, box_room.TARGET)
        for k, eye in enumerate(box_room.EYES[:count])
    ]
    return world(tuple(views))


def world(views):
    return Reconstruction(tuple(views), "none", ReconstructionSettings(min_confidence=1.5, hide=()), "0.1.0")


def room_distance(points):
    """(N,): how far points are from the room's walls."""
    return np.abs(np.abs(points).max(axis=-1) - box_room.HALF)
