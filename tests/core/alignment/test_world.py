"""The world that is refined: its objective, frames, priors and steps, each against what it is said to be."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment.degenerate import thinness
from dust3r.core.alignment.objective import loss, pixel_weight, pull, residuals, unit
from dust3r.core.alignment.parts import GAP, Part, anchored, moved_to, side_by_side
from dust3r.core.alignment.refine import (
    CONVERGED,
    LAST_STEP,
    MANY_LOOPS,
    IntrinsicsPrior,
    _fit_depth,
    _moved,
    _Problem,
    _scheduled,
    lasting_gain,
)
from dust3r.core.alignment.refine import _share as _share_of_step
from dust3r.core.alignment.steps import Steps
from dust3r.core.errors import LISTED, listed
from dust3r.core.geometry.camera import intrinsics, project
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.settings import AlignmentSettings

from .alignment_worlds import random, world_of


def test_arms_lead_from_the_camera_to_points_that_project_onto_their_pixels():
    world, observations = world_of()
    arms = world.arms(observations.pixels)
    for n in range(3):
        in_camera = arms[n] @ world.R[n]
        assert in_camera[:, 2] == pytest.approx(world.depth[n])
        found, _ = project(in_camera, intrinsics(world.focal[n], world.principal_point[n]))
        assert found == pytest.approx(observations.pixels[n], abs=1e-9)


@pytest.mark.parametrize(("distance", "p"), [("l1", 1), ("l2", 2)])
def test_the_loss_is_the_sum_over_edges_sides_and_pixels_in_published_units(distance, p):
    world, observations = world_of()
    total, shares = 0.0, pixel_weight(observations)
    for e, edge in enumerate(observations.edges):
        for side, n in enumerate(edge):
            same = sum(observations.area[pair[side]] for pair in observations.edges)
            for k in range(6):
                point = world.centre[n] + world.arms(observations.pixels)[n, k]
                frame = world.frames
                said = frame.scale[e] * frame.R[e] @ observations.points[e, side, k] + frame.translation[e]
                weight = observations.weight[e, side, k] * observations.area[n] / same / observations.sampled[n]
                assert shares[e, side, k] == pytest.approx(weight)
                assert residuals(world, observations)[e, side, k] == pytest.approx(point - said)
                total += weight * np.linalg.norm(point - said) ** p
    half = 0.5 / np.exp(np.log(world.frames.scale).mean())
    assert unit(world) == pytest.approx(half)
    assert loss(world, observations, distance) == pytest.approx(total * half**p)


def test_without_edges_the_worlds_unit_is_1():
    world, _ = world_of()
    assert unit(replace(world, frames=world.frames[:0])) == 1


def test_the_squares_touch_the_sum_of_distances_from_above():
    lengths, weight = np.array([0.5, 2.0]), np.array([3.0, 5.0])
    square = pull(lengths, weight, "l1", 1e-9)
    for other in (0.1, 1.0, 4.0):  # w |x| <= w |r| + pull (x^2 - r^2) / 2
        assert (weight * other <= weight * lengths + square * (other**2 - lengths**2) / 2 + 1e-12).all()
    assert pull(lengths, weight, "l1", 1.0).tolist() == [3, 2.5]
    assert pull(lengths, weight, "l2", 1.0).tolist() == [3, 5]


def part_of(world, photos=(0, 1, 2)):
    return Part(np.array(photos), np.arange(4), world, None)


def test_a_world_in_one_photos_frame_keeps_its_shape_and_has_edges_of_mean_scale_1():
    world, observations = world_of()
    found = anchored(world, 1)
    assert (found.R[1] == np.eye(3)).all() and (found.centre[1] == 0).all()
    factor = 1 / np.exp(np.log(world.frames.scale).mean())
    assert np.log(found.frames.scale).mean() == pytest.approx(0)
    off, before = residuals(found, observations), residuals(world, observations)
    assert off == pytest.approx(factor * before @ world.R[1], abs=1e-9)
    assert anchored(replace(world, frames=world.frames[:0]), 1).depth == pytest.approx(world.depth)


def test_a_world_moved_to_a_pose_keeps_its_shape():
    world, observations = world_of()
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(np.array([0.3, 1, -0.5])), [4, 5, 6]
    at_zero = anchored(world, 2)
    found = moved_to(at_zero, 2, pose)
    assert (found.R[2] == pose[:3, :3]).all() and (found.centre[2] == [4, 5, 6]).all()
    assert residuals(found, observations) == pytest.approx(residuals(at_zero, observations) @ pose[:3, :3].T, abs=1e-9)


@pytest.mark.parametrize("placed", [(False, False, False), (False, True, False), (True, False, True)])
def test_worlds_side_by_side_do_not_reach_into_each_other_and_placed_ones_stay(placed):
    parts = [part_of(world_of(seed)[0]) for seed in range(3)]
    found = side_by_side(parts, placed)
    stays = placed if any(placed) else (True, False, False)
    spans = []
    for part, before, stay in zip(found, parts, stays, strict=True):
        shift = part.world.centre - before.world.centre
        assert shift == pytest.approx(np.broadcast_to(shift[0], shift.shape))
        assert part.world.frames.translation - before.world.frames.translation == pytest.approx(
            np.broadcast_to(shift[0], (4, 3))
        )
        assert (shift[0, 1:] == 0).all() and (shift[0, 0] == 0) == stay
        radius = np.linalg.norm(before.world.centre, axis=1) + np.quantile(before.world.depth, 0.9, axis=1)
        spans.append((shift[0, 0], radius.max()))
    fixed = max(GAP * radius for (_, radius), stay in zip(spans, stays, strict=True) if stay)
    moved = [span for span, stay in zip(spans, stays, strict=True) if not stay]
    for shift, radius in moved:
        assert shift - GAP * radius == pytest.approx(fixed)
        fixed = shift + GAP * radius


def test_the_gradient_of_the_cameras_prior_is_its_slope_and_its_growth_the_curvature():
    world, _ = world_of()
    prior = IntrinsicsPrior(
        world.focal * 1.1, np.array([0.1, 0.2, 0.3]), np.arange(3), world.principal_point + 2, np.array([3.0, 4, 5])
    )
    curvature, slope = prior.quadratic(world)
    for n in range(3):
        for k, by in ((7, 1e-4), (8, 1e-3), (9, 1e-3)):

            def moved(step, n=n, k=k):
                focal, centre = world.focal.copy(), world.principal_point.copy()
                if k == 7:
                    focal[n] *= np.exp(step)
                else:
                    centre[n, k - 8] += step
                return prior.penalty(replace(world, focal=focal, principal_point=centre))

            up, here, down = moved(by), moved(0), moved(-by)
            assert (up - down) / (2 * by) == pytest.approx(slope[n, k], rel=1e-5)
            assert (up - 2 * here + down) / by**2 == pytest.approx(curvature[n, k], rel=1e-3)
    assert (curvature[:, :7] == 0).all() and (slope[:, :7] == 0).all()


def test_the_gain_that_is_worth_a_step_grows_with_the_loops():
    chain = np.array([[k, k + 1] for k in range(9)])
    assert lasting_gain(chain, 10) == CONVERGED
    assert lasting_gain(np.concatenate([chain, chain[:, ::-1]]), 10) == CONVERGED  # both directions are one pair
    ring = np.concatenate([chain, [[9, 0]]])
    assert CONVERGED < lasting_gain(ring, 10) < 10 * CONVERGED
    complete = np.array([[i, j] for i in range(10) for j in range(i)])  # 36 loops
    assert lasting_gain(complete, 10) == np.inf and MANY_LOOPS < 36 / 10
    assert lasting_gain(complete[:30], 10) == pytest.approx(10 * CONVERGED)


def test_points_of_a_plane_are_thin_and_those_of_a_ball_are_not():
    generator = random(0)
    ball = generator.normal(size=(2000, 3))
    turn = rotation_from_vector(np.array([0.4, 0.8, -0.2]))
    plane = (ball * [3, 1, 0.01]) @ turn.T + 5
    assert thinness(plane) == pytest.approx(0.01, rel=0.15)
    plane[:200] = 5 + generator.normal(size=(200, 3))  # strays
    assert thinness(plane) < 0.02
    assert thinness(ball) > 0.3


def test_a_list_of_names_is_cut_short_after_a_few():
    names = [f"{k}.jpg" for k in range(9)]
    assert listed(names[:LISTED]) == "0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg"
    assert listed(names[: LISTED + 1]) == "0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 1 more"
    assert listed(names).endswith(" and 4 more")


def test_progress_is_told_in_parts_of_the_whole_and_never_beyond_a_part():
    told = []
    steps = Steps(lambda *report: told.append(report), "Aligning")
    first, second = steps.part(0.25, 2), steps.part(0.5, 4)
    for call in (first, first, first, second):
        call()
    steps.finish()
    assert told == [("Aligning", done, 1000) for done in (125, 250, 250, 375, 1000)]
    told.clear()
    steps.part(0.25, 0)()
    assert told == [("Aligning", 750, 1000)]


@pytest.mark.parametrize(
    ("schedule", "shares"), [("cosine", (1, 0.853553, 0.5, 0.146447)), ("linear", (1, 0.75, 0.5, 0.25))]
)
def test_steps_shrink_from_the_learning_rate_to_almost_nothing(schedule, shares):
    settings = AlignmentSettings(iterations=8, learning_rate=0.1, schedule=schedule)
    found = [_scheduled(k, settings) for k in (0, 2, 4, 6, 8)]
    assert found == pytest.approx([*(LAST_STEP + (0.1 - LAST_STEP) * share for share in shares), LAST_STEP], rel=1e-5)


def test_a_step_is_cut_so_that_no_turn_shift_scale_or_focal_changes_by_more_than_the_bound():
    world = replace(world_of()[0], depth=np.full((3, 6), 4.0))
    step = np.zeros((3, 10))
    assert _share_of_step(world, step, 0.1) == 1
    for unknown, size in ((1, 0.4), (4, 1.6), (6, -0.4), (7, 0.4)):  # shifts count over the depth
        step[:] = 0
        step[2, unknown] = size
        assert _share_of_step(world, step, 0.1) == pytest.approx(0.25)
        assert _share_of_step(world, step, 1.0) == 1
    step[:] = 0
    step[:, 8:] = 50  # pixels of the principal point
    assert _share_of_step(world, step, 0.1) == 1


def test_depths_fitted_along_their_rays_cannot_be_bettered_by_themselves():
    world, observations = world_of(3)
    centred = replace(world, frames=replace(world.frames, scale=0.1 * world.frames.scale))
    prior = IntrinsicsPrior(world.focal, np.ones(3), np.arange(3), world.principal_point, np.ones(3))
    problem = _Problem(observations, pixel_weight(observations), prior, AlignmentSettings(distance="l2"))
    found = _fit_depth(centred, problem)
    free = found.depth > 0.1 * centred.depth * (1 + 1e-9)  # no depth shrinks to less than a tenth at once
    assert free.any() and (found.depth >= 0.1 * centred.depth * (1 - 1e-9)).all()
    for n, k in np.argwhere(free):
        for factor in (0.99, 1.01):
            depth = found.depth.copy()
            depth[n, k] *= factor
            assert loss(replace(found, depth=depth), observations, "l2") > loss(found, observations, "l2")


def test_a_step_moves_the_world_as_its_unknowns_say():
    world, _ = world_of()
    photo, edge = np.zeros((3, 10)), np.zeros((4, 7))
    photo[1] = [0.1, -0.2, 0.3, 1, 2, 3, np.log(2), np.log(3), 4, 5]
    edge[2] = [0, 0.5, 0, -1, 0, 1, np.log(5)]
    moved = _moved(world, photo, edge)
    assert moved.R[1] @ world.R[1].T == pytest.approx(rotation_from_vector(photo[1, :3]))
    assert moved.centre[1] - world.centre[1] == pytest.approx([1, 2, 3])
    assert moved.depth[1] == pytest.approx(2 * world.depth[1])
    assert moved.focal[1] == pytest.approx(3 * world.focal[1])
    assert moved.principal_point[1] - world.principal_point[1] == pytest.approx([4, 5])
    assert moved.frames.scale[2] == pytest.approx(5 * world.frames.scale[2])
    assert moved.frames.translation[2] - world.frames.translation[2] == pytest.approx([-1, 0, 1])
    assert moved.frames.R[2] @ world.frames.R[2].T == pytest.approx(rotation_from_vector(edge[2, :3]))
    for n in (0, 2):
        assert moved.R[n] == pytest.approx(world.R[n]) and (moved.depth[n] == world.depth[n]).all()
