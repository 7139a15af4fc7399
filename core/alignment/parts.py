"""Solved sets of connected photos, and how several stand in one result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry.similarity import Similarity
from .objective import World
from .observations import Array, Indices

GAP = 1.2  # between the worlds of parts, in sums of their radii


@dataclass(frozen=True, slots=True)
class Part:
    """Connected photos with their world; a single photo may be a part."""

    photos: Indices  # (N,)
    edges: Indices  # (E,), the edges that world.frames are of
    world: World


def anchored(world: World, photo: int) -> World:
    """The same world in the frame of one photo's camera, in the network's units: edges' scales of geometric mean 1."""
    R, centre = world.R[photo].T, world.centre[photo]
    scale = 1 / float(np.exp(np.log(world.frames.scale).mean())) if len(world.frames.scale) else 1.0
    frames, turned = world.frames, R @ world.R
    turned[photo] = np.eye(3)  # to the last bit
    return replace(
        world,
        R=turned,
        centre=scale * (world.centre - centre) @ R.T,
        depth=scale * world.depth,
        frames=Similarity(scale * frames.scale, R @ frames.R, scale * (frames.translation - centre) @ R.T),
    )


def side_by_side(parts: Sequence[Part]) -> list[Part]:
    """The parts moved apart along x, so that none stands in another; the first stays where it is."""
    placed, reach = [], 0.0
    for part in parts:
        radius = GAP * _radius(part.world)
        shift = np.array([reach + radius, 0, 0]) if placed else np.zeros(3)
        placed.append(replace(part, world=_shifted(part.world, shift)))
        reach = shift[0] + radius
    return placed


def _radius(world: World) -> float:
    """About how far the world reaches from its first camera."""
    return float((np.linalg.norm(world.centre, axis=-1) + np.quantile(world.depth, 0.9, axis=1)).max())


def _shifted(world: World, shift: Array) -> World:
    frames = world.frames
    return replace(
        world,
        centre=world.centre + shift,
        frames=Similarity(frames.scale, frames.R, frames.translation + shift),
    )
