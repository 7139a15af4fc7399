"""Solved sets of connected photos, and how several stand in one result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry.similarity import Similarity
from .objective import World
from .observations import Array, Indices
from .uncertainty import Appraisal

GAP = 1.2  # between the worlds of parts, in sums of their radii


@dataclass(frozen=True, slots=True)
class Part:
    """Connected photos with their world; a single photo may be a part."""

    photos: Indices  # (N,)
    edges: Indices  # (E,), the edges that world.frames are of
    world: World
    appraisal: Appraisal


def anchored(world: World, photo: int) -> World:
    """The same world in the frame of one photo's camera, in the network's units: edges' scales of geometric mean 1."""
    R, centre = world.R[photo].T, world.centre[photo]
    scale = 1 / float(np.exp(np.log(world.frames.scale).mean())) if len(world.frames.scale) else 1.0
    frames, turned = world.frames, R @ world.R
    shifted = scale * (world.centre - centre) @ R.T
    turned[photo], shifted[photo] = np.eye(3), 0  # to the last bit
    return replace(
        world,
        R=turned,
        centre=shifted,
        depth=scale * world.depth,
        frames=Similarity(scale * frames.scale, R @ frames.R, scale * (frames.translation - centre) @ R.T),
    )


def moved_to(world: World, photo: int, cam2world: Array) -> World:
    """The world, so far in the frame of this photo's camera, where that camera has this pose, (4, 4)."""
    R, centre, frames = cam2world[:3, :3], cam2world[:3, 3], world.frames
    turned, shifted = R @ world.R, world.centre @ R.T + centre
    turned[photo], shifted[photo] = R, centre  # to the last bit
    moved = Similarity(frames.scale, R @ frames.R, frames.translation @ R.T + centre)
    return replace(world, R=turned, centre=shifted, frames=moved)


def side_by_side(parts: Sequence[Part], placed: Sequence[bool]) -> list[Part]:
    """The parts moved apart along x, so that none stands in another; those placed already stay where they are.

    Without any, the first stays.
    """
    stays = list(placed) if any(placed) else [True] + [False] * (len(parts) - 1)
    reach = max(_reach(part.world) for part, stay in zip(parts, stays, strict=True) if stay)
    moved = []
    for part, stay in zip(parts, stays, strict=True):
        radius = GAP * _radius(part.world)
        shift = np.array([0.0 if stay else reach + radius, 0, 0])
        moved.append(replace(part, world=_shifted(part.world, shift)))
        reach = reach if stay else shift[0] + radius
    return moved


def _radius(world: World) -> float:
    """About how far the world reaches from the origin."""
    return float((np.linalg.norm(world.centre, axis=-1) + np.quantile(world.depth, 0.9, axis=1)).max())


def _reach(world: World) -> float:
    """About how far the world reaches along x."""
    return GAP * _radius(world)


def _shifted(world: World, shift: Array) -> World:
    frames = world.frames
    return replace(
        world,
        centre=world.centre + shift,
        frames=Similarity(frames.scale, frames.R, frames.translation + shift),
    )
