"""The published objective: its value on stored runs, and the Gauss-Newton step on it."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment import normal_equations as normal
from dust3r.core.alignment.objective import World, loss, residuals
from dust3r.core.alignment.refine import IntrinsicsPrior, refine
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.geometry.similarity import Similarity
from dust3r.core.settings import AlignmentSettings
from dust3r.tests.aligning import sample
from dust3r.tests.synthetic import golden_scene, noisy_scene


def nothing():
    pass


def stored_world(golden, observations, centres, run, moment):
    """A stored state of a published run at the observations' pixels."""
    get = lambda name: golden[f"{run}.{moment}.{name}"].astype(np.float64)  # noqa: E731
    pair_poses, poses = get("pw_poses"), get("poses")
    scale = np.cbrt(np.linalg.det(pair_poses[:, :3, :3]))
    frames = Similarity(scale, pair_poses[:, :3, :3] / scale[:, None, None], pair_poses[:, :3, 3])
    x, y = np.moveaxis(observations.pixels.astype(int), -1, 0)
    key = f"{run}.{moment}.depth"
    depths = [golden[key][n] if key in golden else golden[f"{key}.{n}"] for n in range(len(poses))]
    depth = np.stack([depths[n][y[n], x[n]] for n in range(len(poses))]).astype(np.float64)
    return World(poses[:, :3, :3], poses[:, :3, 3], get("focals")[:, 0], np.array(centres), depth, frames)


@pytest.mark.parametrize("name", ["ga_small", "ga_mixed_sizes"])
@pytest.mark.parametrize(("moment", "step"), [("init", 0), ("final", -1)])
def test_the_loss_is_the_published_one_in_published_runs(golden, name, moment, step):
    data, mappings, predictions, centres = golden_scene(golden / f"{name}.npz")
    observations = sample(mappings, predictions, [None] * len(mappings), nothing)
    world = stored_world(data, observations, centres, "cosine", moment)
    assert loss(world, observations, "l1") == pytest.approx(data["cosine.losses"][step], rel=1e-5)


def test_the_loss_does_not_depend_on_the_worlds_units_or_place(golden):
    data, mappings, predictions, centres = golden_scene(golden / "ga_small.npz")
    observations = sample(mappings, predictions, [None] * 4, nothing)
    world = stored_world(data, observations, centres, "cosine", "final")
    R, factor, shift = rotation_from_vector(np.array([1.0, 2, -0.5])), 3.7, np.array([4.0, -5, 6])
    frames = world.frames
    other = replace(
        world,
        R=R @ world.R,
        centre=factor * world.centre @ R.T + shift,
        depth=factor * world.depth,
        frames=Similarity(factor * frames.scale, R @ frames.R, factor * frames.translation @ R.T + shift),
    )
    for distance in ("l1", "l2"):
        assert loss(other, observations, distance) == pytest.approx(loss(world, observations, distance), rel=1e-9)


def random_problem(seed=0):
    """Parts of the residuals of 2 edges between 2 photos, and a function from unknowns to residuals."""
    generator = np.random.default_rng(seed)
    parts = {name: generator.normal(size=(2, 2, 5, 3)) for name in normal.BLOCKS}

    def moved(photo, edge, e, side):
        p = {name: part[e, side] for name, part in parts.items()}
        change = np.cross(photo[:3], p["q"]) + photo[3:6] + photo[6] * p["q"] + photo[7] * p["h"]
        change = change + photo[8] * p["a"] + photo[9] * p["b"]
        return p["r"] + change - (np.cross(edge[:3], p["v"]) + edge[3:6] + edge[6] * p["v"])

    return parts, generator.uniform(0.5, 2, (2, 2, 5)), moved


def test_the_step_of_the_normal_equations_is_the_least_squares_solution():
    parts, weight, moved = random_problem()
    edges = np.array([[0, 1], [1, 0]])
    blocks = normal.squares(normal.moments(parts, weight))
    curvature = np.full((2, normal.PHOTO), 0.1)
    curvature[0, :7] = np.inf
    quadratic = normal.Quadratic(
        blocks, edges, curvature, np.zeros((2, normal.PHOTO)), np.zeros((2, normal.EDGE)), np.arange(2)
    )
    photo, edge = normal.solve(quadratic, 0.0)
    assert (photo[0, :7] == 0).all()

    def cost(photo, edge):
        total = (np.where(np.isfinite(curvature), curvature, 0) * photo**2).sum()
        for e, pair in enumerate(edges):
            for side, n in enumerate(pair):
                total += (weight[e, side, :, None] * moved(photo[n], edge[e], e, side) ** 2).sum()
        return total

    best, generator = cost(photo, edge), np.random.default_rng(1)
    for _ in range(50):
        aside = 1e-3 * generator.normal(size=photo.shape) * np.isfinite(curvature)
        assert cost(photo + aside, edge + 1e-3 * generator.normal(size=edge.shape)) > best


def test_photos_of_one_group_move_their_focals_together():
    parts, weight, _ = random_problem(3)
    blocks = normal.squares(normal.moments(parts, weight))
    fixed = np.full((2, normal.PHOTO), 0.1)
    none = np.zeros((2, normal.PHOTO)), np.zeros((2, normal.EDGE))
    photo, _ = normal.solve(
        normal.Quadratic(blocks, np.array([[0, 1], [1, 0]]), fixed, *none, np.zeros(2, dtype=int)), 0.0
    )
    assert photo[0, normal.FOCAL] == photo[1, normal.FOCAL] != 0


def true_world(scene, predictions, observations, generator, noise):
    """The true cameras and depths, then disturbed."""
    count = len(scene["poses"])
    x, y = np.moveaxis(observations.pixels.astype(int), -1, 0)
    depth = np.stack([scene["depth"][n][y[n], x[n]] for n in range(count)])
    R, centre = scene["poses"][:, :3, :3], scene["poses"][:, :3, 3]
    i = observations.edges[:, 0]
    own = observations.points[:, 0, :, 2]
    frames = Similarity(np.median(depth[i] / own, axis=1), R[i], centre[i])
    return World(
        rotation_from_vector(noise * generator.normal(size=(count, 3))) @ R,
        centre + noise * generator.normal(size=(count, 3)),
        scene["focals"] * np.exp(noise * generator.normal(size=count)),
        scene["pps"],
        depth * np.exp(noise * generator.normal(size=depth.shape)),
        frames,
    )


def test_refinement_returns_a_disturbed_world_to_the_truth():
    scene, mappings, predictions, _ = noisy_scene(3, "none")
    observations = sample(mappings, predictions, [None] * 3, nothing)
    world = true_world(scene, predictions, observations, np.random.default_rng(0), 0.02)
    prior = IntrinsicsPrior(world.focal, np.full(3, 10.0), np.arange(3), world.principal_point, np.ones(3))
    found = refine(world, observations, prior, AlignmentSettings(learning_rate=0.1), nothing)
    assert loss(found, observations, "l1") < 1e-3 * loss(world, observations, "l1")
    assert found.focal == pytest.approx(scene["focals"], rel=1e-3)
    assert np.abs(residuals(found, observations)).max() < 0.02


@pytest.mark.parametrize("distance", ["l1", "l2"])
@pytest.mark.parametrize("noise", [0.0, 0.003, 0.1])
def test_refinement_never_ends_above_its_start(distance, noise):
    scene, mappings, predictions, _ = noisy_scene(3, "medium")
    observations = sample(mappings, predictions, [None] * 3, nothing)
    world = true_world(scene, predictions, observations, np.random.default_rng(1), noise)
    prior = IntrinsicsPrior(world.focal, np.full(3, 0.01), np.arange(3), world.principal_point, np.ones(3))
    for iterations in (1, 2, 5):
        found = refine(world, observations, prior, AlignmentSettings(distance=distance, iterations=iterations), nothing)
        assert loss(found, observations, distance) <= loss(world, observations, distance)


def test_a_step_is_never_longer_than_the_learning_rate_allows():
    scene, mappings, predictions, _ = noisy_scene(3, "medium")
    observations = sample(mappings, predictions, [None] * 3, nothing)
    world = true_world(scene, predictions, observations, np.random.default_rng(2), 0.1)
    prior = IntrinsicsPrior(world.focal, np.full(3, 0.1), np.arange(3), world.principal_point, np.ones(3))
    found = refine(world, observations, prior, AlignmentSettings(iterations=1, learning_rate=1e-3), nothing)
    assert 0 < np.abs(np.log(found.focal / world.focal)).max() <= 1e-3
    assert np.abs(found.R @ world.R.swapaxes(-1, -2) - np.eye(3)).max() < 2e-3


def test_refinement_ends_with_the_first_long_step_that_gains_too_little():
    scene, mappings, predictions, _ = noisy_scene(3, "medium")
    observations = sample(mappings, predictions, [None] * 3, nothing)
    start = true_world(scene, predictions, observations, np.random.default_rng(2), 0.1)
    prior = IntrinsicsPrior(start.focal, np.full(3, 1e6), np.arange(3), start.principal_point, np.full(3, 1e6))

    def gains(enough):
        worlds = [start]
        settings = AlignmentSettings(iterations=40, learning_rate=1.0)
        refine(start, observations, prior, settings, nothing, enough, worlds.append)
        return -np.diff(np.log([loss(world, observations, "l1") for world in worlds]))

    every = gains(0)
    last = next(k for k in range(1, len(every)) if every[k] < 0.6 * every[:k].min())
    assert len(gains(1.01 * every[last])) == last + 1
    assert len(gains(0.99 * every[last])) > last + 1
