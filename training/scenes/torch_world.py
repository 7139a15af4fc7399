"""Several scenes on one device, their surfaces and materials joined into single lists."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .scene import Scene
from .torch_ground import Grounds
from .torch_shading import Surfaces
from .torch_shapes import Shapes

GRID = 64  # samples along a height field's side


@dataclass(frozen=True, slots=True)
class World:
    """Several scenes on a device, their surfaces in one list; scene s's surfaces begin at first[s]."""

    shapes: Shapes
    surfaces: Surfaces
    grounds: Grounds
    first: Tensor  # (S,)
    ground_material: Tensor  # (S,)
    solid: Tensor  # (S, P), numbers in the list, -1 beyond a scene's own
    bounds: Tensor  # (S, P, 4)
    lights: Tensor  # (S, L, 7), black beyond a scene's own
    ambient: Tensor  # (S, 2, 3)
    sky: Tensor  # (S, 2, 3)
    haze: Tensor  # (S,)
    far: Tensor  # (S,)


def make_world(scenes: Sequence[Scene], device: torch.device) -> World:
    """Join scenes and move them to a device."""

    def put(values: NDArray, dtype: torch.dtype) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device, dtype)

    def stack(name: str) -> Tensor:
        return put(np.stack([np.asarray(getattr(scene, name)) for scene in scenes]), torch.float32)

    first = np.cumsum([0, *(len(scene.kind) for scene in scenes)])
    first_material = np.cumsum([0, *(len(scene.tile) for scene in scenes)])
    most = max(scene.solids for scene in scenes)
    numbers = [np.arange(scene.solids) + start for scene, start in zip(scenes, first, strict=False)]
    return World(
        shapes=_shapes(scenes, first, device),
        surfaces=_surfaces(scenes, first_material, device),
        grounds=_grounds(scenes, device),
        first=put(first[:-1], torch.int64),
        ground_material=put(first_material[1:] - 1, torch.int64),
        solid=put(_padded(numbers, most, -1), torch.int64),
        bounds=put(_padded([scene.bounds for scene in scenes], most, 0), torch.float32),
        lights=put(_padded([scene.lights for scene in scenes], max(len(s.lights) for s in scenes), 0), torch.float32),
        ambient=stack("ambient"),
        sky=stack("sky"),
        haze=stack("haze"),
        far=stack("far"),
    )


def _padded(rows: list[NDArray], length: int, filler: float) -> NDArray:
    """(S, length, ...): each scene's rows, then rows of `filler`."""
    joined = np.full((len(rows), length, *rows[0].shape[1:]), filler, rows[0].dtype)
    for number, some in enumerate(rows):
        joined[number, : len(some)] = some
    return joined


def _join(scenes: Sequence[Scene], name: str, device: torch.device) -> Tensor:
    return torch.from_numpy(np.concatenate([getattr(scene, name) for scene in scenes])).to(device)


def _shapes(scenes: Sequence[Scene], first: NDArray, device: torch.device) -> Shapes:
    holes = [np.full(len(scene.kind), -1) for scene in scenes]
    for scene, start, hole in zip(scenes, first, holes, strict=False):
        hole[: scene.solids] = np.where(scene.hole >= 0, scene.hole + start, -1)
    return Shapes(
        kind=_join(scenes, "kind", device).long(),
        to_local=_join(scenes, "to_local", device).reshape(-1, 12),
        taper=_join(scenes, "taper", device),
        hole=torch.from_numpy(np.concatenate(holes)).to(device),
    )


def _surfaces(scenes: Sequence[Scene], first_material: NDArray, device: torch.device) -> Surfaces:
    signs = [np.where(np.arange(len(scene.kind)) < scene.solids, 1.0, -1.0) for scene in scenes]
    materials = [scene.material + start for scene, start in zip(scenes, first_material, strict=False)]
    same = ("half", "fit", "scale", "turn", "shift", "palette", "stain", "gloss")
    return Surfaces(
        normal_to_world=_join(scenes, "normal_to_world", device).reshape(-1, 9),
        sign=torch.from_numpy(np.concatenate(signs)).to(device, torch.float32),
        material=torch.from_numpy(np.concatenate(materials)).to(device, torch.int64),
        tile=_join(scenes, "tile", device).long(),
        **{name: _join(scenes, name, device) for name in same},
    )


def _grounds(scenes: Sequence[Scene], device: torch.device) -> Grounds:
    heights = np.zeros((len(scenes), GRID, GRID), np.float32)
    for number, scene in enumerate(scenes):
        if scene.heights.shape == (GRID, GRID):
            heights[number] = scene.heights
    rows = [(s.ground, s.ground_half, s.slope, s.heights.min(), s.heights.max()) for s in scenes]
    kind, half, slope, low, high = torch.tensor(np.array(rows, np.float32), device=device).unbind(-1)
    return Grounds(kind.long(), half, torch.from_numpy(heights).to(device), slope, low, high)
