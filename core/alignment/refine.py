"""Step 4: all cameras, depths and edges together, down the published objective."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..geometry.rotation import rotation_from_vector
from ..geometry.similarity import Similarity
from ..settings import AlignmentSettings
from . import normal_equations as normal
from .canonical import Canonical
from .known import Pins
from .objective import World, loss, pixel_weight, power, pull, residuals
from .observations import Array, Indices, Observations

CONVERGED = 1e-3  # relative gain of a step that may be LONG_STEP, of a graph without loops; below it, drift
FEW_LOOPS, MANY_LOOPS = 0.75, 3.5  # independent loops per photo: what raises this tenfold, and to infinity
LONG_STEP = 0.01
LAST_STEP = 1e-6  # where the schedule ends
DAMPING = (1e-9, 1e-3, 1e3)  # least, first, and that at which no step helps any more
INDEPENDENT = 50  # residuals of a photo that count as such: how loudly the pixels may contradict the focal's prior
CENTRE_SPREAD = 0.03  # of the longer side: how far a principal point, if free, may well be off
SMOOTHING = 1e-3  # of the median depth: shorter residuals are treated as squares


@dataclass(frozen=True, slots=True)
class IntrinsicsPrior:
    """What is known of the cameras beforehand."""

    focal: Array  # (N,), photo pixels: what the photos' own pointmaps say
    focal_spread: Array  # (N,), relative standard error
    focal_group: Indices  # (N,), photos of one group share their focal
    principal_point: Array  # (N, 2), photo pixels
    centre_spread: Array  # (N,), photo pixels: how far a principal point may well be off
    held: NDArray[np.bool_] | None = None  # (N, PHOTO): unknowns that stay as they are; None: photo 0's pose

    def penalty(self, world: World) -> float:
        focal = np.log(world.focal / self.focal) / self.focal_spread
        centre = (world.principal_point - self.principal_point) / self.centre_spread[:, None]
        return float((focal**2).sum() + (centre**2).sum()) / 2

    def quadratic(self, world: World) -> tuple[Array, Array]:
        """Curvature and slope of the penalty, (N, PHOTO) each."""
        curvature, slope = np.zeros((2, len(self.focal), normal.PHOTO))
        curvature[:, normal.FOCAL] = 1 / self.focal_spread**2
        slope[:, normal.FOCAL] = np.log(world.focal / self.focal) / self.focal_spread**2
        curvature[:, normal.CENTRE] = 1 / self.centre_spread[:, None] ** 2
        slope[:, normal.CENTRE] = (world.principal_point - self.principal_point) / self.centre_spread[:, None] ** 2
        return curvature, slope


def intrinsics_prior(observations: Observations, canonical: Canonical, pins: Pins) -> IntrinsicsPrior:
    """The prior that the canonical pointmaps and the pins give."""
    sizes, group = observations.sizes, np.unique(pins.focal_group, return_inverse=True)[1]
    wander = CENTRE_SPREAD * np.array([max(size) for size in sizes])
    held = np.zeros((len(sizes), normal.PHOTO), dtype=bool)
    held[:, :7] = pins.held
    held[:, normal.FOCAL] = np.isin(group, group[pins.focal_pinned])
    held[:, normal.CENTRE] = pins.centred[:, None]
    return IntrinsicsPrior(canonical.focal, canonical.focal_spread, group, canonical.principal_point, wander, held)


@dataclass(frozen=True, slots=True)
class _Problem:
    observations: Observations
    weight: Array  # (E, 2, P)
    prior: IntrinsicsPrior
    settings: AlignmentSettings

    def cost(self, world: World) -> float:
        """log F plus the prior, F in units of the edges' mean scale."""
        value = max(loss(world, self.observations, self.settings.distance), np.finfo(np.float64).tiny)
        strength = power(self.settings.distance) / (INDEPENDENT * len(world.focal))
        return float(np.log(value)) + strength * self.prior.penalty(world)

    def pulls(self, world: World, lacking: Array) -> Array:
        floor = SMOOTHING * float(np.median(world.depth))
        return pull(np.linalg.norm(lacking, axis=-1), self.weight, self.settings.distance, floor)


def refine(
    world: World,
    observations: Observations,
    prior: IntrinsicsPrior,
    settings: AlignmentSettings,
    step: Callable[[], None],
    enough: float = CONVERGED,
    seen: Callable[[World], None] = lambda world: None,
) -> World:
    """Lower  F = sum_e sum_v sum_px w |chi - sigma_e P_e X|^p  over poses, depths, focals, edges (principal points).

    Iteratively reweighted Gauss-Newton on log F, the mean of log sigma held, plus the prior; depths in closed form
    after every step. settings.learning_rate, falling by settings.schedule, bounds a step: radians of a turn, shifts
    relative to depth, logs of focals and scales. It ends where F falls by less than the share `enough` a
    step (`lasting_gain`): what follows is slow drift where the predictions leave cameras open. Held unknowns stay.
    Calls `step` before every iteration and `seen` with every better world. Never returns a world of greater F plus
    prior than the given one's.
    """
    problem = _Problem(observations, pixel_weight(observations), prior, settings)
    cost, damping = problem.cost(world), DAMPING[1]
    for iteration in range(settings.iterations):
        step()
        photo, edge = normal.solve(_quadratic(problem, world), damping)
        bound = _scheduled(iteration, settings)
        share = _share(world, photo, bound)
        moved = _fit_depth(_moved(world, share * photo, share * edge), problem)
        reached = problem.cost(moved)
        if reached >= cost:
            damping = max(10 * damping, 1e-4)
            if damping > DAMPING[2]:
                break
            continue
        gain, world, cost, damping = cost - reached, moved, reached, max(damping / 5, DAMPING[0])
        seen(world)
        if gain < enough * min(1.0, bound / LONG_STEP):
            break
    return world


def lasting_gain(edges: Indices, count: int) -> float:
    """The relative gain from which a step of `refine` leads nearer to the truth, over edges (E, 2) of `count` photos.

    F knows of no edge's own error of pose; the pose graph does, as far as loops show it. Measured: without loops the
    whole refinement helps, with FEW_LOOPS a photo its first steps do, with MANY_LOOPS none.
    """
    pairs = len({(min(edge), max(edge)) for edge in edges.tolist()})
    loops = (pairs - count + 1) / count
    return CONVERGED * 10 ** min(loops / FEW_LOOPS, 1) if loops < MANY_LOOPS else np.inf


def _scheduled(iteration: int, settings: AlignmentSettings) -> float:
    done = iteration / settings.iterations
    share = (1 + np.cos(np.pi * done)) / 2 if settings.schedule == "cosine" else 1 - done
    return LAST_STEP + (settings.learning_rate - LAST_STEP) * share


def _quadratic(problem: _Problem, world: World) -> normal.Quadratic:
    """The squares that touch F + prior at this world (majorisation), linearised there."""
    edges, count = problem.observations.edges, len(world.focal)
    lacking = residuals(world, problem.observations)
    pulls = problem.pulls(world, lacking)
    total = float((pulls * (lacking**2).sum(-1)).sum())
    blocks = normal.squares(normal.moments(_parts(problem, world, lacking), pulls))
    strength = total / (INDEPENDENT * count)
    curvature, slope = (strength * part for part in problem.prior.quadratic(world))
    if problem.prior.held is None:
        curvature[0, :7] = np.inf
    else:
        curvature[problem.prior.held] = np.inf
    if not problem.settings.optimize_principal_point:
        curvature[:, normal.CENTRE] = np.inf
    edge_slope = np.zeros((len(edges), normal.EDGE))
    edge_slope[:, -1] = -total / len(edges)  # of -total * mean log sigma: shrinking the world must not pay
    return normal.Quadratic(blocks, edges, curvature, slope, edge_slope, problem.prior.focal_group)


def _parts(problem: _Problem, world: World, lacking: Array) -> dict[str, Array]:
    """What the residuals' derivatives are made of: see normal_equations."""
    edges, arms = problem.observations.edges, world.arms(problem.observations.pixels)
    slope = (world.depth / world.focal[:, None])[..., None]
    origin = world.centre[edges] - world.frames.translation[:, None]
    return {
        "q": arms[edges],
        "v": arms[edges] + origin[:, :, None] - lacking,
        "h": (world.depth[..., None] * world.R[:, None, :, 2] - arms)[edges],
        "a": (-slope * world.R[:, None, :, 0])[edges],
        "b": (-slope * world.R[:, None, :, 1])[edges],
        "r": lacking,
    }


def _fit_depth(world: World, problem: _Problem) -> World:
    """One reweighted least-squares step of every depth along its ray, all else fixed."""
    edges, directions = problem.observations.edges, world.arms(problem.observations.pixels) / world.depth[..., None]
    lacking = residuals(world, problem.observations)
    pulls = problem.pulls(world, lacking)
    along = np.einsum("evpa,evpa->evp", lacking, directions[edges]) * pulls
    numerator, denominator = np.zeros((2, *world.depth.shape))
    for side in (0, 1):
        np.add.at(numerator, edges[:, side], along[:, side])
        np.add.at(denominator, edges[:, side], pulls[:, side])
    denominator *= (directions**2).sum(-1)
    change = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
    return replace(world, depth=np.maximum(world.depth - change, 0.1 * world.depth))


def _share(world: World, photo: Array, bound: float) -> float:
    """How much of a step leaves no photo moved by more than the bound."""
    shifts = photo[:, 3:6] / np.median(world.depth, axis=1)[:, None]
    reach = max(np.abs(part).max() for part in (photo[:, :3], shifts, photo[:, 6:8]))
    return min(1.0, bound / reach) if reach > 0 else 1.0


def _moved(world: World, photo: Array, edge: Array) -> World:
    """The world after a step of the photos (N, PHOTO) and the edges (E, EDGE)."""
    frames = Similarity(
        world.frames.scale * np.exp(edge[:, 6]),
        rotation_from_vector(edge[:, :3]) @ world.frames.R,
        world.frames.translation + edge[:, 3:6],
    )
    return World(
        rotation_from_vector(photo[:, :3]) @ world.R,
        world.centre + photo[:, 3:6],
        world.focal * np.exp(photo[:, normal.FOCAL]),
        world.principal_point + photo[:, normal.CENTRE],
        world.depth * np.exp(photo[:, 6:7]),
        frames,
    )
