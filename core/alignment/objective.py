"""The published objective: how far every edge's pointmaps are from the world that cameras and depths make."""

from dataclasses import dataclass

import numpy as np

from ..geometry.camera import pixel_rays
from ..geometry.similarity import Similarity
from ..settings import Distance
from .observations import Array, Observations

MEAN_SCALE = 0.5  # the published choice of world units: the geometric mean of the edges' scales


@dataclass(frozen=True, slots=True)
class World:
    """Cameras, depths and edges of one connected set of N photos and E edges."""

    R: Array  # (N, 3, 3), camera to world
    centre: Array  # (N, 3), world
    focal: Array  # (N,), photo pixels
    principal_point: Array  # (N, 2), photo pixels
    depth: Array  # (N, P), > 0
    frames: Similarity  # (E,): an edge's frame to the world, sigma_e P_e

    def arms(self, pixels: Array) -> Array:
        """(N, P, 3): from each camera to its points, along the world's axes."""
        rays = pixel_rays(pixels, self.focal, self.principal_point)
        return (rays * self.depth[..., None]) @ self.R.swapaxes(-1, -2)


def pixel_weight(observations: Observations) -> Array:
    """(E, 2, P): log C times the share that a pixel has of its side's pixels in all edges (the published mean)."""
    area, sampled = observations.area[observations.edges], observations.sampled[observations.edges]
    return observations.weight * (area / area.sum(0) / sampled)[..., None]


def residuals(world: World, observations: Observations) -> Array:
    """(E, 2, P, 3): chi - sigma_e P_e X."""
    chi = world.arms(observations.pixels) + world.centre[:, None]
    predicted = np.stack([world.frames.apply(observations.points[:, side]) for side in (0, 1)], axis=1)
    return chi[observations.edges] - predicted


def loss(world: World, observations: Observations, distance: Distance) -> float:
    """sum_e sum_v sum_px w |chi - sigma_e P_e X|^p, w = log C over the pixels of a side, in the published units.

    p = 1 for "l1", 2 for "l2". Rescaling the whole world changes nothing: it is brought to mean scale 0.5 first.
    """
    length = np.linalg.norm(residuals(world, observations), axis=-1)
    return float((pixel_weight(observations) * length ** power(distance)).sum()) * unit(world) ** power(distance)


def unit(world: World) -> float:
    """What the world's lengths are multiplied with to be in published units."""
    scale = world.frames.scale
    return MEAN_SCALE / float(np.exp(np.log(scale).mean())) if len(scale) else 1.0


def power(distance: Distance) -> int:
    return 1 if distance == "l1" else 2


def pull(length: Array, weight: Array, distance: Distance, floor: float) -> Array:
    """The weights of the squares that touch the objective where residuals have these lengths (majorisation)."""
    return weight / np.maximum(length, floor) if distance == "l1" else weight
