"""A room known in closed form: the cube from -2 to 2, seen from within, walls coloured by place."""

import json

import numpy as np
import torch
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.training.batch import SceneBatch
from PIL import Image

HALF = 2.0  # half the room's side
EYES = ((-0.9, 0.1, -0.9), (-0.3, 0.0, -1.1), (0.3, -0.1, -1.0), (0.9, 0.1, -0.8), (0.0, 0.4, -1.2))
TARGET = (0.0, 0.1, 2.0)


def look_at(eye, target=TARGET):
    """cam2world (4, 4); y is down."""
    forward = np.subtract(target, eye)
    forward /= np.linalg.norm(forward)
    right = np.cross([0, 1, 0], forward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.stack([right, np.cross(forward, right), forward], axis=1), eye
    return pose


def intrinsics(size, focal=None):
    """K of a photo of (width, height)."""
    focal = focal or 0.8 * size[0]
    return np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])


def render(K, cam2world, size):
    """(colours (H, W, 3) uint8, depth (H, W), world points (H, W, 3)), exact at the pixels' centres."""
    pixels = PixelMapping(size, size).photo_pixels()
    rays = np.concatenate([(pixels - K[:2, 2]) / K[[0, 1], [0, 1]], np.ones((*pixels.shape[:2], 1))], axis=-1)
    directions = rays @ cam2world[:3, :3].T
    with np.errstate(divide="ignore"):
        depth = ((np.sign(directions) * HALF - cam2world[:3, 3]) / directions).min(axis=-1)
    points = cam2world[:3, 3] + directions * depth[..., None]
    return ((0.5 + 0.45 * np.sin(3 * points)) * 255).astype(np.uint8), depth, points


def write_scene(folder, size=(96, 72), count=5, depth="png"):
    """A posed RGB-D folder of the room: photos room_0.png, ..."""
    entries = {}
    for kind in ("images", "depth"):
        (folder / kind).mkdir(parents=True)
    for k in range(count):
        K, pose = intrinsics(size), look_at(EYES[k])
        colors, z, _ = render(K, pose, size)
        Image.fromarray(colors).save(folder / "images" / f"room_{k}.png")
        if depth == "png":
            Image.fromarray(np.rint(z * 1000).astype(np.uint16)).save(folder / "depth" / f"room_{k}.png")
        else:
            np.savez(folder / "depth" / f"room_{k}.npz", depth=z.astype(np.float32))
        entries[f"room_{k}.png"] = {"width": size[0], "height": size[1], "K": K.tolist(), "cam2world": pose.tolist()}
    (folder / "cameras.json").write_text(json.dumps({"photos": entries}))
    return folder


class BoxRoomSource:
    """The room as a Source of training data."""

    def __init__(self, seed=0):
        self.seed = seed

    def batch(self, number, scenes, views, pairs, size):
        rng = np.random.default_rng((self.seed, number))
        K, made = intrinsics(size), []
        poses = rng.uniform((-1, -0.5, -1.3), (1, 0.5, -0.7), (scenes, views, 3))
        cam2world = np.stack([[look_at(eye) for eye in scene] for scene in poses])
        for pose in cam2world.reshape(-1, 4, 4):
            made.append(render(K, pose, size))
        shape = (scenes, views, size[1], size[0])
        images, _, points = (np.stack(arrays) for arrays in zip(*made, strict=True))
        order = [(i, j) for i in range(views) for j in range(views) if i != j]
        return SceneBatch(
            torch.from_numpy(images.reshape(*shape, 3)).permute(0, 1, 4, 2, 3),
            torch.from_numpy(points.reshape(*shape, 3)).float(),
            torch.ones(shape, dtype=torch.bool),
            torch.from_numpy(cam2world).float(),
            torch.from_numpy(np.tile(K, (scenes, views, 1, 1))).float(),
            torch.tensor([[order[k % len(order)] for k in range(pairs)]] * scenes),
        )
