"""A tiny source of training data for tests: a striped floor seen from above by cameras around it; all analytic."""

import math

import numpy as np
import torch
from dust3r.training.batch import SceneBatch


class FloorSource:
    """Scenes of one floor each; the stripes' frequency, the cameras' places and the focal vary."""

    def __init__(self, seed: int, difficulty: float = 0.0) -> None:
        self.seed, self.difficulty = seed, difficulty

    def batch(self, number, scenes, views, pairs, size, unordered=False):
        chance = np.random.default_rng([self.seed, number, round(self.difficulty * 100)])
        made = [self._scene(chance, views, size) for _ in range(scenes)]
        images, points, valid, cam2world, K = (torch.stack(parts) for parts in zip(*made, strict=True))
        index = torch.from_numpy(
            np.stack([[chance.choice(views, 2, replace=False) for _ in range(pairs)] for _ in range(scenes)])
        )
        return SceneBatch(images, points, valid, cam2world, K, index.long())

    def _scene(self, chance, views, size):
        frequency, centre = chance.uniform(2, 5, 2), chance.uniform(-1, 1, 2)
        seen = [self._view(chance, frequency, centre, size) for _ in range(views)]
        return [torch.from_numpy(np.stack(parts)) for parts in zip(*seen, strict=True)]

    def _view(self, chance, frequency, centre, size):
        width, height = size
        angle, distance = chance.uniform(-0.3, 0.3) * (1 + self.difficulty), chance.uniform(2.0, 3.0)
        eye = np.array([*centre, 0.0]) + distance * np.array([math.sin(angle), -0.5, 1.0])
        z = np.array([*centre, 0.0]) - eye
        z /= np.linalg.norm(z)
        x = np.cross(z, [0, 0, 1.0])
        x /= np.linalg.norm(x)
        pose = np.eye(4)
        pose[:3] = np.stack([x, np.cross(z, x), z, eye], axis=1)
        focal = 0.9 * max(size)
        u, v = np.meshgrid((np.arange(width) + 0.5 - width / 2) / focal, (np.arange(height) + 0.5 - height / 2) / focal)
        rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ pose[:3, :3].T
        length = -eye[2] / np.minimum(rays[..., 2], -1e-3)
        points = eye + length[..., None] * rays
        valid = length < 8
        shade = 127 + 60 * np.sin(points[..., :1] * frequency[0]) + 60 * np.sin(points[..., 1:2] * frequency[1])
        image = np.repeat(shade, 3, axis=-1).clip(0, 255).astype(np.uint8).transpose(2, 0, 1)
        K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
        return image, points.astype(np.float32), valid, pose.astype(np.float32), K.astype(np.float32)


def open_floor(settings, seed, difficulty, turning=0.0):
    """Stands in for `feed.open_source`."""
    return FloorSource(seed, difficulty)
