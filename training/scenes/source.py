"""The procedural source of training data: scenes without end, made and rendered on demand.

By agreement seeds below HELD_OUT_SEEDS are for training, and those from there on for scenes that no training has seen.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError
from ..batch import SceneBatch
from .atlas import Atlas
from .builder import Builder
from .cameras import choose_pairs, find_views
from .develop import Film, develop, draw_film
from .difficulty import ranges_at
from .library import load_atlas
from .places import make_stage
from .rendering.renderer import render
from .scene import Cameras, Scene

HELD_OUT_SEEDS = 1_000_000
ATTEMPTS = 40


@dataclass(frozen=True, slots=True)
class Shoot:
    """One scene, the cameras in it, what they do to colours, and which of them make pairs."""

    scene: Scene
    cameras: Cameras
    film: Film
    pairs: NDArray[np.int64]  # (P, 2)


class ProceduralSource:
    """Rooms and outdoor scenes; implements Source.

    seed: any non-negative number; difficulty: 0 to 1, or a range that each scene draws its own from; turning: least
    share of views that stand where another one does and only turn, 0 to 1;
    textures: a folder of photos used as patterns beside the drawn ones; threads: scenes rendered at once. Compiling the
    renderer takes seconds once, then is cached.

    Raises InputError for a difficulty outside 0 to 1, a negative seed, and a textures folder without photos.
    """

    def __init__(
        self,
        seed: int,
        difficulty: float | tuple[float, float],
        textures: Path | None = None,
        threads: int = 1,
        turning: float = 0.0,
    ) -> None:
        self.difficulty = difficulty if isinstance(difficulty, tuple) else (difficulty, difficulty)
        if not 0 <= self.difficulty[0] <= self.difficulty[1] <= 1:
            raise InputError(f"The difficulty of the scenes is {difficulty}; give a number or a rising range in 0 to 1")
        if seed < 0:
            raise InputError(f"The scenes' seed is {seed}; give 0 or more (from {HELD_OUT_SEEDS} on: held out)")
        self.seed, self.textures, self.threads, self.turning = seed, textures, threads, turning
        load_atlas(textures)  # now, for its errors; workers load their own

    def batch(
        self, number: int, scenes: int, views: int, pairs: int, size: tuple[int, int], unordered: bool = False
    ) -> SceneBatch:
        """Batch `number` (from 0): the same on any machine, whatever the number of threads and workers."""
        atlas = load_atlas(self.textures)

        def render_scene(index: int) -> tuple[torch.Tensor, ...]:
            key = (self.seed, number, index)
            shoot = make_shoot(atlas, key, self.difficulty, views, pairs, size, self.turning, unordered)
            return _photograph(shoot, atlas)

        with ThreadPoolExecutor(self.threads) as pool:
            parts = list(pool.map(render_scene, range(scenes)))
        return SceneBatch(*(torch.stack(column) for column in zip(*parts, strict=True)))


def make_shoot(
    atlas: Atlas,
    key: Sequence[int],
    difficulty: tuple[float, float],
    views: int,
    pairs: int,
    size: tuple[int, int],
    turning: float = 0.0,
    unordered: bool = False,
) -> Shoot:
    """The scene that a key (seed, batch, scene) stands for, with cameras that overlap; deterministic."""
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([*key, attempt])
        ranges = ranges_at(rng.uniform(*difficulty), turning)
        builder = Builder(rng, atlas, ranges.gloss)
        stage = make_stage(builder, ranges)
        scene = builder.build(stage.light)
        found = find_views(builder, scene, stage, ranges, views, size)
        if found is not None:
            cameras, overlap = found
            film = draw_film(rng, ranges, views)
            return Shoot(scene, cameras, film, choose_pairs(overlap, ranges.overlap, pairs, rng, unordered))
    raise InputError(f"No scene in {ATTEMPTS} shows {views} views of {size[0]} x {size[1]} that overlap; ask for fewer")


def _photograph(shoot: Shoot, atlas: Atlas) -> tuple[torch.Tensor, ...]:
    picture = render(shoot.scene, atlas, shoot.cameras)
    surface = torch.from_numpy(picture.surface)
    images = develop(torch.from_numpy(picture.light), surface, shoot.film)
    cam2world, K = (torch.from_numpy(a).float() for a in (shoot.cameras.cam2world, shoot.cameras.K))
    return images, torch.from_numpy(picture.points), surface >= 0, cam2world, K, torch.from_numpy(shoot.pairs)
