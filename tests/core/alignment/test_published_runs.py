"""What the published runs began with and how they went: their loss, steps and edges, by our objective."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.benchmarks.baseline.dense_adam import scheduled_rate
from dust3r.core.alignment.objective import World, loss
from dust3r.core.geometry.rotation import rotation_angle
from dust3r.core.geometry.similarity import Similarity, weighted_median
from dust3r.core.settings import AlignmentSettings
from dust3r.evaluation.metrics.poses import align_cameras
from dust3r.tests.aligning import align, sample
from dust3r.tests.core.alignment.test_objective import nothing, stored_world
from dust3r.tests.synthetic import golden_scene

TAGS = {
    "ga_small": [
        *("cosine", "linear", "l2", "conf_sqrt", "pp", "adaptors", "known_poses"),
        *("modular", "modular_fxfy", "modular_two_known"),
    ],
    "ga_mixed_sizes": ["cosine", "modular"],
}
RUNS = [(name, tag) for name, tags in TAGS.items() for tag in tags]
# Runs from known poses began with depths of their own, which are not stored.
REPLAYED = [(name, tag) for name, tag in RUNS if "known" not in tag]


def observed(name, golden, tag):
    """(the golden, observations weighted as in that run, principal points)."""
    data, mappings, predictions, centres = golden_scene(golden / f"{name}.npz")
    observations = sample(mappings, predictions, [None] * len(mappings), nothing)
    if tag == "conf_sqrt":
        observations = replace(observations, weight=np.sqrt(np.exp(observations.weight)))
    return data, observations, centres


def distance(tag):
    return "l2" if tag == "l2" else "l1"


@pytest.mark.parametrize(("name", "tag"), REPLAYED)
def test_the_loss_that_a_run_began_with_is_our_objective(golden, name, tag):
    data, observations, centres = observed(name, golden, tag)
    world = stored_world(data, observations, centres, "cosine", "init")
    for key in ("pw_poses", "poses", "focals"):  # every run began where the first did
        assert data[f"{tag}.init.{key}"] == pytest.approx(
            np.broadcast_to(data[f"cosine.init.{key}"], data[f"{tag}.init.{key}"].shape), abs=1e-5
        )
    rel = 1e-4 if tag == "modular" and name == "ga_mixed_sizes" else 2e-5
    assert loss(world, observations, distance(tag)) == pytest.approx(float(data[f"{tag}.init.loss"]), rel=rel)
    assert data[f"{tag}.losses"][0] == pytest.approx(float(data[f"{tag}.init.loss"]), rel=1e-5)


@pytest.mark.parametrize(("name", "tag"), RUNS)
def test_the_steps_of_every_run_follow_our_schedules(golden, name, tag):
    with np.load(golden / f"{name}.npz") as data:
        rates, losses = data[f"{tag}.lrs"].tolist(), data[f"{tag}.losses"]
    settings = AlignmentSettings(iterations=len(rates), schedule="linear" if tag == "linear" else "cosine")
    assert [scheduled_rate(step, settings) for step in range(len(rates))] == pytest.approx(rates, rel=1e-9)
    assert len(losses) == len(rates) + 1


def solved_world(found, observations):
    """Our result as a world whose edges stand where their first cameras do: its loss is no less than ours can be."""
    x, y = np.moveaxis(observations.pixels.astype(int), -1, 0)
    depth = np.stack([found.depth[n][y[n], x[n]] for n in range(len(found.depth))]).astype(np.float64)
    i = observations.edges[:, 0]
    ratio = depth[i] / np.maximum(observations.points[:, 0, :, 2], 1e-9)
    scale = weighted_median(ratio, observations.weight[:, 0])
    frames = Similarity(scale, found.cam2world[i, :3, :3], found.cam2world[i, :3, 3])
    return World(
        found.cam2world[:, :3, :3], found.cam2world[:, :3, 3], found.focal, found.principal_point, depth, frames
    )


@pytest.mark.parametrize("moment", ["init", "final"])
@pytest.mark.parametrize(("name", "tag"), RUNS)
def test_edges_stand_nearer_to_their_first_cameras_than_in_every_run(golden, name, tag, moment):
    """An edge's pose is its first camera's, but for noise: what a run adds to that is the run's error."""
    data, mappings, predictions, centres = golden_scene(golden / f"{name}.npz")
    found, true, first = (
        align(mappings, predictions, principal_points=centres),
        data["in.gt_poses"],
        data["in.edges"][:, 0],
    )
    edges, poses = (data[f"{tag}.{moment}.{key}"].astype(np.float64) for key in ("pw_poses", "poses"))
    edges[:, :3, :3] /= np.cbrt(np.linalg.det(edges[:, :3, :3]))[:, None, None]
    errors = []
    for of, cameras in ((found.cam2world[first], found.cam2world), (edges, poses)):
        move, _, _ = align_cameras(cameras, true)
        turned = true[first, :3, :3].swapaxes(-1, -2) @ move.R @ of[:, :3, :3]
        errors.append(np.degrees(rotation_angle(turned)).mean())
    assert errors[0] < errors[1]


@pytest.mark.parametrize(("name", "tag"), REPLAYED)
def test_by_its_own_objective_our_result_is_better_than_every_run(golden, name, tag):
    data, observations, centres = observed(name, golden, tag)
    _, mappings, predictions, _ = golden_scene(golden / f"{name}.npz")
    found = align(mappings, predictions, AlignmentSettings(distance=distance(tag)), principal_points=centres)
    world = solved_world(found, observations)
    assert loss(world, observations, distance(tag)) < data[f"{tag}.losses"][-1]
