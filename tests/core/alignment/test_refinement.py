"""The refinement's cost, squares, damping and stopping, each against its formula."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment import normal_equations as normal
from dust3r.core.alignment import refine
from dust3r.core.alignment.objective import loss, pixel_weight, residuals
from dust3r.core.alignment.refine import (
    CENTRE_SPREAD,
    DAMPING,
    INDEPENDENT,
    LONG_STEP,
    SMOOTHING,
    IntrinsicsPrior,
    _fit_depth,
    _parts,
    _Problem,
    _quadratic,
    intrinsics_prior,
)
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.settings import AlignmentSettings
from dust3r.tests.aligning import gather

from .alignment_worlds import canonical_of, random, world_of
from .test_lone_and_two import two_photos


def pins_of(count, group=None, before=None, **known):
    cameras = [known.get(f"p{k}") for k in range(count)]
    return gather(cameras, before, np.arange(count) if group is None else np.array(group))


def problem_of(distance="l1", held=None, **settings):
    world, observations = world_of(3)
    prior = IntrinsicsPrior(
        world.focal * 1.1,
        np.array([0.1, 0.2, 0.3]),
        np.arange(3),
        world.principal_point + 2,
        np.array([3.0, 4, 5]),
        held,
    )
    chosen = AlignmentSettings(distance=distance, **settings)
    return world, observations, prior, _Problem(observations, pixel_weight(observations), prior, chosen)


@pytest.mark.parametrize(("distance", "p"), [("l1", 1), ("l2", 2)])
def test_the_cost_is_the_log_of_the_loss_plus_the_prior_in_units_of_independent_residuals(distance, p):
    world, observations, prior, problem = problem_of(distance)
    expected = np.log(loss(world, observations, distance)) + p / (INDEPENDENT * 3) * prior.penalty(world)
    assert problem.cost(world) == pytest.approx(expected)
    focal = (np.log(1 / 1.1) / prior.focal_spread) ** 2
    centre = (2 / prior.centre_spread) ** 2
    assert prior.penalty(world) == pytest.approx((focal.sum() + 2 * centre.sum()) / 2)
    lacking = residuals(world, observations)
    length = np.linalg.norm(lacking, axis=-1)
    floor = SMOOTHING * np.median(world.depth)
    expected = problem.weight / np.maximum(length, floor) if p == 1 else problem.weight
    assert problem.pulls(world, lacking) == pytest.approx(expected)
    nothing = replace(observations, weight=0 * observations.weight)
    assert np.isfinite(_Problem(nothing, 0 * problem.weight, prior, problem.settings).cost(world))


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("centres", [False, True])
def test_the_squares_that_touch_the_cost_hold_what_is_held_and_keep_the_mean_scale(held, centres):
    mask = np.zeros((3, normal.PHOTO), bool)
    mask[1, :3] = True
    world, observations, prior, problem = problem_of("l1", mask if held else None, optimize_principal_point=centres)
    found = _quadratic(problem, world)
    lacking = residuals(world, observations)
    total = (problem.pulls(world, lacking) * (lacking**2).sum(-1)).sum()
    strength = total / (INDEPENDENT * 3)
    curvature, slope = prior.quadratic(world)
    expected = strength * curvature
    if held:
        expected[mask] = np.inf
    else:
        expected[0, :7] = np.inf
    if not centres:
        expected[:, 8:] = np.inf
    assert found.curvature == pytest.approx(expected) and found.slope == pytest.approx(strength * slope)
    assert (found.edge_slope[:, :6] == 0).all() and found.edge_slope[:, 6] == pytest.approx(np.full(4, -total / 4))
    assert (found.edges == observations.edges).all() and (found.focal_group == prior.focal_group).all()


def test_the_parts_are_how_residuals_change_with_every_unknown():
    world, observations, _, problem = problem_of("l2")
    lacking, size = residuals(world, observations), 1e-6
    parts = _parts(problem, world, lacking)
    e, side = 2, 1
    n = observations.edges[e, side]

    def change(photo=None, edge=None):
        step, frame = np.zeros((3, 10)), np.zeros((4, 7))
        if photo is not None:
            step[n, photo] = size
        if edge is not None:
            frame[e, edge] = size
        return (residuals(refine._moved(world, step, frame), observations)[e, side] - lacking[e, side]) / size

    for unknown, name in ((7, "h"), (8, "a"), (9, "b")):
        assert change(photo=unknown) == pytest.approx(parts[name][e, side], abs=1e-4)
    assert change(photo=6) == pytest.approx(parts["q"][e, side], abs=1e-4)
    for k, axis in enumerate(np.eye(3)):
        assert change(photo=k) == pytest.approx(np.cross(axis, parts["q"][e, side]), abs=1e-4)
        assert change(photo=3 + k) == pytest.approx(np.broadcast_to(axis, (6, 3)), abs=1e-4)
        assert change(edge=3 + k) == pytest.approx(np.broadcast_to(-axis, (6, 3)), abs=1e-4)
    assert (parts["r"] == lacking).all()
    assert change(edge=6) == pytest.approx(
        -world.frames.scale[e] * (observations.points[e, side] @ world.frames.R[e].T), abs=1e-4
    )
    for k, axis in enumerate(np.eye(3)):
        arm = world.frames.scale[e] * observations.points[e, side] @ world.frames.R[e].T
        assert change(edge=k) == pytest.approx(-np.cross(axis, arm), abs=1e-4)
        assert parts["v"][e, side] == pytest.approx(arm)


def test_moments_hold_the_whole_of_the_normal_equations():
    generator = random(2)
    parts = {name: generator.normal(size=(5, 3)) for name in normal.BLOCKS}
    weight = generator.uniform(0.5, 2, 5)
    found = normal.squares(normal.moments(parts, weight))
    J = np.zeros((5, 3, 18))
    for k, axis in enumerate(np.eye(3)):
        J[:, :, k], J[:, :, 3 + k] = np.cross(axis, parts["q"]), axis
        J[:, :, 10 + k], J[:, :, 13 + k] = -np.cross(axis, parts["v"]), -axis
    for unknown, name, sign in ((6, "q", 1), (7, "h", 1), (8, "a", 1), (9, "b", 1), (16, "v", -1), (17, "r", 1)):
        J[:, :, unknown] = sign * parts[name]
    assert found == pytest.approx(np.einsum("pak,p,pal->kl", J, weight, J))


def test_the_damped_step_solves_the_damped_equations():
    world, observations, _, problem = problem_of("l2", optimize_principal_point=True)
    quadratic, damping = _quadratic(problem, world), 0.3
    photo, edge = normal.solve(quadratic, damping)
    size = 3 * 10 + 4 * 7
    H, g = np.zeros((size, size)), np.zeros(size)
    for e, pair in enumerate(observations.edges):
        for side, n in enumerate(pair):
            at = np.r_[10 * n : 10 * n + 10, 30 + 7 * e : 37 + 7 * e]
            block = quadratic.blocks[e, side]
            H[np.ix_(at, at)] += block[:17, :17]
            g[at] += block[:17, 17]
    H[np.arange(size), np.arange(size)] *= 1 + damping
    free = np.isfinite(quadratic.curvature).ravel()
    H[:30, :30] += np.diag(np.where(free, quadratic.curvature.ravel(), 0))
    g[:30] += quadratic.slope.ravel()
    g[30:] += quadratic.edge_slope.ravel()
    free = np.r_[free, np.ones(28, bool)]
    expected = np.zeros(size)
    expected[free] = -np.linalg.solve(H[np.ix_(free, free)], g[free])
    assert np.r_[photo.ravel(), edge.ravel()] == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_depths_without_any_pull_stay_and_others_go_where_the_squares_are_least():
    world, observations, _prior, problem = problem_of("l2")
    weight = problem.weight.copy()
    weight[:, :, 2] = 0
    found = _fit_depth(world, replace(problem, weight=weight))
    assert (found.depth[:, 2] == world.depth[:, 2]).all()
    arms = world.arms(observations.pixels) / world.depth[..., None]
    lacking = residuals(world, observations)
    for n in range(3):
        for k in (0, 1, 3):
            sides = [(e, s) for e, pair in enumerate(observations.edges) for s in (0, 1) if pair[s] == n]
            along = sum(weight[e, s, k] * lacking[e, s, k] @ arms[n, k] for e, s in sides)
            curve = sum(weight[e, s, k] for e, s in sides) * (arms[n, k] ** 2).sum()
            expected = max(world.depth[n, k] - along / curve, 0.1 * world.depth[n, k])
            assert found.depth[n, k] == pytest.approx(expected)


def steered(monkeypatch, costs, gains=(), **options):
    """The dampings and bounds that `refine` asks for where the costs of successive tries are these."""
    world, observations, prior, _ = problem_of()
    told, asked = iter(costs), []
    monkeypatch.setattr(refine._Problem, "cost", lambda self, world: next(told))
    monkeypatch.setattr(refine, "_quadratic", lambda problem, world: None)
    zero = np.zeros((3, 10)), np.zeros((4, 7))
    monkeypatch.setattr(refine.normal, "solve", lambda quadratic, damping: asked.append(damping) or zero)
    monkeypatch.setattr(refine, "_fit_depth", lambda world, problem: replace(world))
    calls, seen = [], []
    settings = AlignmentSettings(iterations=len(costs) - 1, **options.pop("settings", {}))
    found = refine.refine(world, observations, prior, settings, lambda: calls.append(1), seen=seen.append, **options)
    return asked, calls, seen, found, world


def test_damping_falls_by_five_with_every_better_world_and_grows_by_ten_with_every_worse(monkeypatch):
    start = DAMPING[1]
    asked, calls, seen, found, _ = steered(monkeypatch, [10.0, 9, 8, 8, 8.5, 7])
    assert asked == pytest.approx([start, start / 5, start / 25, 10 * start / 25, 100 * start / 25])
    assert len(calls) == 5 and len(seen) == 3 and found is seen[-1]


def test_damping_has_a_least_one_begins_anew_above_it_and_ends_the_search_where_nothing_helps(monkeypatch):
    asked, *_ = steered(monkeypatch, [100.0 - k for k in range(14)])
    assert asked[-1] == DAMPING[0] == min(asked)
    asked, *_ = steered(monkeypatch, [*(100.0 - k for k in range(14)), 99, 99])
    assert asked[-1] == pytest.approx(1e-4)  # ten times the least would not be felt
    asked, calls, seen, found, world = steered(monkeypatch, [1.0] * 20)
    assert asked == pytest.approx([1e-3, 1e-2, 0.1, 1, 10, 100, 1000]) and len(calls) == 7
    assert seen == [] and found is world


def test_short_steps_need_gain_less_to_go_on(monkeypatch):
    for rate, gain, more in (
        (1.0, 0.011, True),
        (1.0, 0.009, False),
        (LONG_STEP / 2, 0.0051, True),
        (LONG_STEP / 2, 0.0049, False),
    ):
        settings = {"learning_rate": rate, "schedule": "linear"}
        costs = [1.0, 1.0 - gain, *[1.0 - gain] * 30]
        asked, *_ = steered(monkeypatch, costs, enough=0.01, settings=settings)
        assert (len(asked) > 1) == more


def test_the_prior_holds_what_is_pinned_and_lets_centres_wander_by_a_share_of_the_longer_side():
    _, observations, own = two_photos()
    own = canonical_of([40.0, 55], own.principal_point, own.depth, own.weight)
    pins = pins_of(2, [5, 5], p1=KnownCamera(focal=55.0, principal_point=(1.0, 2)))
    prior = intrinsics_prior(observations, own, pins)
    assert prior.centre_spread == pytest.approx([40 * CENTRE_SPREAD] * 2) and prior.focal_group.tolist() == [0, 0]
    assert prior.held[:, 7].tolist() == [True, True]  # of one group
    assert prior.held[:, 8:].tolist() == [[False] * 2, [True] * 2]
    assert prior.held[:, :7].tolist() == pins.held.tolist() and prior.held[0, :7].all()
    assert (prior.focal == own.focal).all() and (prior.focal_spread == 0.01).all()
