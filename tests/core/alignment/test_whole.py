"""How the aligner joins its steps: which of them a case takes, with what, and what it says meanwhile."""

import numpy as np
import pytest
from dust3r.core.alignment import aligner, pose_graph
from dust3r.core.alignment.aligner import KnownCamera
from dust3r.core.alignment.pose_graph import CONVERGED as STILL
from dust3r.core.alignment.pose_graph import FREEDOM, ROUNDING, _downhill, edge_errors, join_poses, residuals
from dust3r.core.alignment.refine import CONVERGED, lasting_gain
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.geometry.similarity import Similarity
from dust3r.core.settings import AlignmentSettings
from dust3r.tests.aligning import align
from dust3r.tests.synthetic import noisy_scene

from .alignment_worlds import poses, relative_of
from .test_cases import ISLANDS

SMALL = {"size": (32, 24)}


def small(count, edges=None):
    return noisy_scene(count, "low", edges=edges, **SMALL)


def solve(inputs, settings=None, **options):
    _, mappings, predictions, centres = inputs
    return align(mappings, predictions, settings, principal_points=centres, **options)


@pytest.fixture
def asked(monkeypatch):
    """By name of a step, the arguments of its calls."""
    calls = {}

    def watch(name):
        own = getattr(aligner, name)
        calls[name] = []
        monkeypatch.setattr(aligner, name, lambda *a, **k: calls[name].append((a, k)) or own(*a, **k))

    for name in ("refine", "check_depth", "two_view_poses", "join_poses", "lone_world", "with_every_view"):
        watch(name)
    return calls


def counts(asked):
    return {name: len(calls) for name, calls in asked.items() if calls}


def test_three_photos_are_joined_refined_and_stop_by_their_loops(asked):
    solve(small(3))
    assert counts(asked) == {"join_poses": 1, "refine": 1, "with_every_view": 1}
    edges = np.array([(i, j) for i in range(3) for j in range(3) if i != j])
    (arguments, _) = asked["refine"][0]
    assert arguments[5] == pytest.approx(lasting_gain(edges, 3)) and arguments[5] > CONVERGED
    solve(small(3), AlignmentSettings(optimize_principal_point=True))
    assert asked["refine"][1][0][5] == CONVERGED  # principal points move late


def test_two_photos_are_posed_by_pnp_unless_both_poses_are_known(asked):
    inputs = small(2)
    solve(inputs)
    assert counts(asked) == {"two_view_poses": 1}
    true = inputs[0]["poses"]
    solve(inputs, known=[KnownCamera(true[0]), None])
    assert counts(asked) == {"two_view_poses": 2}
    solve(inputs, known=[KnownCamera(true[0]), KnownCamera(true[1])])
    assert counts(asked) == {"two_view_poses": 2, "join_poses": 2, "with_every_view": 1, "check_depth": 1, "refine": 1}
    depth, pins = asked["check_depth"][0][0]
    assert np.median(depth) == pytest.approx(np.median(inputs[0]["depth"]), rel=0.1) and pins.posed.all()


def test_where_no_gain_is_lasting_nothing_is_refined(asked, monkeypatch):
    monkeypatch.setattr(aligner, "lasting_gain", lambda edges, count: np.inf)
    solve(small(3))
    assert counts(asked) == {"join_poses": 1, "with_every_view": 1}


def test_known_poses_are_held_in_a_second_round(asked):
    inputs = small(4)
    true = inputs[0]["poses"]
    solve(inputs, known=[None, KnownCamera(true[1]), None, KnownCamera(true[3])])
    first, second = (arguments[2] for arguments, _ in asked["join_poses"])
    assert first[0].all() and not first[1:].any()
    assert second[1, :6].all() and second[3, :6].all() and not second[0].any() and not second[:, 6].any()


def test_a_group_with_a_known_pose_stays_and_the_others_stand_beside_it():
    inputs = noisy_scene(5, "low", edges=ISLANDS, **SMALL)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(np.array([0.3, 1, -0.5])), [4, 5, 6]
    found = solve(inputs, known=[None] * 4 + [KnownCamera(pose)])
    assert (found.cam2world[4] == pose).all() and found.cam2world[0, 0, 3] > 5
    assert np.linalg.norm(found.cam2world[3, :3, 3] - pose[:3, 3]) < 5


def test_what_was_said_of_groups_lands_at_their_own_photos_and_edges():
    inputs = noisy_scene(5, "low", edges=ISLANDS, **SMALL)
    alone, found = solve((None, inputs[1][:3], inputs[2][:6], inputs[3][:3])), solve(inputs)
    assert found.disagreement[:6] == pytest.approx(alone.disagreement, rel=1e-6)
    assert found.uncertainty.rotation[:3] == pytest.approx(alone.uncertainty.rotation, rel=1e-6)
    assert np.isfinite(found.disagreement).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_observer_gets_every_photos_estimates_and_then_its_final_one(count):
    estimates, finished = [], []

    def observe(some, final):
        estimates.extend(some)
        finished.extend(final)

    edges = ((0, 0),) if count == 1 else None
    found = solve(noisy_scene(count, "low", edges=edges, **SMALL), observe=observe)
    assert sorted(finished) == list(range(count))
    last = {estimate.photo: estimate for estimate in estimates}
    for n in range(count):
        assert pytest.approx(found.cam2world[n, :3, :3]) == last[n].R and last[n].focal == found.focal[n]
    rounds = sum(estimate.photo == 0 for estimate in estimates)
    assert rounds >= (4 if count == 3 else 2)  # once refined, every better world is told


def test_progress_has_a_share_for_each_step():
    told = []
    solve(small(4), report=lambda stage, done, total: told.append(done))
    assert told == sorted(told) and told[-1] == 1000
    # sampled; canonical; related, related again and placed, all in one go; refined; every photo's depth
    for mark in (100, 200, 206, 277, 312, 475, 775, 850, 925):
        assert min(abs(done - mark) for done in told) <= 1, mark


def test_settings_of_the_search_have_defaults():
    inputs = small(3)
    plain, told = solve(inputs), solve(inputs, AlignmentSettings(), masks=[None] * 3, names=["0", "1", "2"])
    assert (plain.cam2world == told.cam2world).all() and plain.focal_source == ("network",) * 3


# all poses together


def test_the_cost_of_poses_is_students_and_may_rise_by_rounding_alone():
    world = poses(2, 1)
    edges = relative_of(world, [(0, 1)])
    away = Similarity(world.scale, world.R, world.translation + np.array([[0, 0, 0], [0.1, 0, 0]]))
    precision = np.full((1, 7), 3.0)
    lacking = residuals(edges, away)
    cost = np.log1p((precision * lacking**2).sum() / FREEDOM)
    assert cost > 0
    held, nothing = np.zeros((2, 7), bool), np.zeros((2, 7))
    assert _downhill(edges, away, nothing, held, precision).translation == pytest.approx(away.translation)
    back = np.zeros((2, 7))
    back[1, 3] = -0.1
    assert residuals(edges, _downhill(edges, away, back, held, precision)) == pytest.approx(np.zeros((1, 7)), abs=1e-9)
    assert _downhill(edges, world, 100 * back, held, precision) is None and ROUNDING < 1e-9


def test_steps_are_tried_at_the_precision_of_the_edges_quality_and_end_when_they_are_small(monkeypatch):
    world = poses(3, 2)
    edges = relative_of(world, [(0, 1), (1, 2), (0, 2)], [1.0, 2, 4])
    edges.pose.translation[2] += 0.3
    tried = []

    def downhill(relative, start, step, held, precision):
        tried.append((start, step, precision))
        return _downhill(relative, start, step, held, precision)

    monkeypatch.setattr(pose_graph, "_downhill", downhill)
    held = np.zeros((3, 7), bool)
    held[0] = True
    join_poses(edges, world, held)
    start, step, precision = tried[0]
    quality = np.array([[0.25], [0.5], [1]])
    spread, _ = edge_errors(residuals(edges, start), quality)
    assert precision == pytest.approx(quality / spread**2) and (step[0] == 0).all()
    assert len(tried) <= 30 and all(np.abs(step).max() >= STILL for _, step, _ in tried[:-1])
