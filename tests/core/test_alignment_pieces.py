"""Parts of the alignment by themselves, each against what it is said to minimise, keep or find."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment import block_system
from dust3r.core.alignment.averaging import average_poses
from dust3r.core.alignment.block_system import block_matrix, solve
from dust3r.core.alignment.canonical import (
    SPREAD_UNKNOWN,
    Canonical,
    _focal,
    _informed,
    _share,
    canonical_points,
    fuse_depths,
)
from dust3r.core.alignment.degenerate import thinness
from dust3r.core.alignment.known import PINNED, check_depth, focal_groups, gather, into_known_world
from dust3r.core.alignment.levelling import levelled
from dust3r.core.alignment.notices import LISTED, listed
from dust3r.core.alignment.objective import World, loss, pixel_weight, pull, residuals, unit
from dust3r.core.alignment.observations import Observations
from dust3r.core.alignment.parts import GAP, Part, anchored, moved_to, side_by_side
from dust3r.core.alignment.pixel_depth import Camera, Candidates, Reading, candidates, fit
from dust3r.core.alignment.refine import CONVERGED, MANY_LOOPS, IntrinsicsPrior, lasting_gain
from dust3r.core.alignment.relative import (
    Relative,
    edge_scales,
    relative_poses,
    usable_edges,
    with_every_view,
)
from dust3r.core.alignment.spanning_tree import chain_poses, components, spanning_tree
from dust3r.core.alignment.steps import Steps
from dust3r.core.errors import InputError
from dust3r.core.geometry.camera import project
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector
from dust3r.core.geometry.similarity import Similarity
from dust3r.core.known_camera import KnownCamera
from dust3r.core.placement import Placement
from dust3r.core.spread import spread

random = np.random.default_rng


def poses(count, seed=0):
    """Similarities of cameras somewhere."""
    generator = random(seed)
    turns = rotation_from_vector(generator.normal(size=(count, 3)))
    return Similarity(np.exp(0.5 * generator.normal(size=count)), turns, 3 * generator.normal(size=(count, 3)))


def relative_of(world, edges, quality=None):
    """Exact edges of a world: j's pose in i's frame."""
    edges = np.array(edges)
    count = len(edges)
    quality = np.ones(count) if quality is None else np.array(quality, float)
    pose = world[edges[:, 0]].inverse().compose(world[edges[:, 1]])
    return Relative(edges, pose, quality, np.full(count, 0.01), np.tile([0.0, 0, 3], (count, 1)))


def assert_same_world(found, truth, tolerance=1e-7):
    """Up to the frame and scale of photo 0."""
    a, b = (world[0:1].inverse().compose(world) for world in (found, truth))
    np.testing.assert_allclose(a.scale, b.scale, rtol=tolerance)
    np.testing.assert_allclose(a.R, b.R, atol=tolerance)
    np.testing.assert_allclose(a.translation, b.translation, atol=10 * tolerance)


def world_of(seed=0, photos=3, edges=4, pixels=6):
    """(World, Observations) without any meaning."""
    generator = random(seed)
    frames, cameras = poses(edges, seed + 1), poses(photos, seed)
    pairs = np.array([[0, 1], [1, 0], [1, 2], [2, 0]])[:edges]
    sizes = ((40, 30), (30, 40), (20, 20))
    world = World(
        cameras.R,
        cameras.translation,
        generator.uniform(30, 50, photos),
        np.tile([20.0, 15.0], (photos, 1)),
        generator.uniform(1, 4, (photos, pixels)),
        frames,
    )
    observations = Observations(
        pairs,
        generator.normal(size=(edges, 2, pixels, 3)),
        generator.uniform(0, 2, (edges, 2, pixels)),
        np.ones((edges, 2)),
        generator.uniform(0, 40, (photos, pixels, 2)),
        np.array([1200.0, 1200, 400]),
        np.array([6.0, 6, 3]),
        sizes,
    )
    return world, observations


def test_arms_lead_from_the_camera_to_points_that_project_onto_their_pixels():
    world, observations = world_of()
    arms = world.arms(observations.pixels)
    for n in range(3):
        in_camera = arms[n] @ world.R[n]
        assert in_camera[:, 2] == pytest.approx(world.depth[n])
        found = project(in_camera, world.focal[n], world.principal_point[n])
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


def seen_of(depth, off, weight):
    depth, off, weight = (np.array(values, np.float32) for values in (depth, off, weight))
    return Candidates(depth, off, weight, np.ones(depth.shape[1], np.float32), np.ones(depth.shape[1], np.float32))


@pytest.mark.parametrize(("distance", "p"), [("l1", 1), ("l2", 2)])
def test_the_fitted_depth_minimises_the_sum_of_distances(distance, p):
    generator = random(0)
    depth = 2 + 0.1 * generator.normal(size=(5, 40))
    seen = seen_of(depth, 0.01 * generator.random((5, 40)), generator.uniform(0.1, 2, (5, 40)))
    found = fit(seen, distance)

    def cost(d):
        return (seen.weight * ((seen.depth - d) ** 2 + seen.off) ** (p / 2)).sum(0)

    others = np.linspace(1.5, 2.5, 1001)[:, None]
    best = np.stack([cost(d) for d in others]).min(0)
    assert (cost(found) <= 1.001 * best).all()


def test_a_far_outlier_hardly_moves_a_depth_and_points_behind_the_camera_give_none():
    found = fit(seen_of([[2, -1, 2, -1], [2.01, -2, 2, 2], [90, -3, 2, 3]], np.zeros((3, 4)), np.ones((3, 4))), "l1")
    assert 2 <= found[0] < 2.03
    assert np.isnan(found[1])
    assert found[2] == 2
    nothing = fit(seen_of([[2.0]], [[0.0]], [[0.0]]), "l1")
    assert np.isnan(nothing).all()


@pytest.fixture
def readings():
    """(rays, camera, two readings): points of one photo's pixels in the frames of two edges."""
    generator = random(1)
    slopes = generator.uniform(-0.5, 0.5, (2, 30))
    rays = np.concatenate([slopes, np.ones((1, 30))]).astype(np.float32)
    place, frames = poses(1, 5), poses(2, 6)
    camera = Camera(place.R[0], place.translation[0], 40.0, np.zeros(2))
    in_camera = (rays * generator.uniform(2, 4, 30)).T + 0.1 * generator.normal(size=(2, 30, 3))
    world = in_camera @ camera.R.T + camera.centre
    points = frames.inverse().apply(world).astype(np.float32)
    confidence = generator.uniform(1, 5, (2, 30)).astype(np.float32)
    return rays, camera, [Reading(points[k], confidence[k], frames[k]) for k in (0, 1)], in_camera


def test_a_candidate_is_the_point_of_the_ray_nearest_to_what_is_predicted(readings):
    rays, camera, both, in_camera = readings
    seen = candidates(rays, camera, both)
    for m in (0, 1):
        off = (rays * seen.depth[m]).T - in_camera[m]
        assert np.abs((off * rays.T).sum(-1)).max() < 1e-4  # at a right angle to the ray
        assert (off**2).sum(-1) == pytest.approx(seen.off[m] * (rays**2).sum(0), rel=1e-3, abs=1e-6)
        assert seen.weight[m] == pytest.approx(np.log(both[m].confidence), abs=1e-4)
    assert seen.confidence == pytest.approx(np.maximum(both[0].confidence, both[1].confidence))
    assert seen.stretch == pytest.approx(np.linalg.norm(rays, axis=0), rel=1e-6)
    assert candidates(rays, camera, both, along_axis=True).depth == pytest.approx(in_camera[..., 2], rel=1e-4)


@pytest.mark.parametrize(("distance", "p"), [("l1", 1), ("l2", 2)])
def test_the_misfit_is_the_weighted_distance_of_the_points_from_the_depths_masked_ones_left_out(readings, distance, p):
    rays, camera, both, in_camera = readings
    depth, unmasked = np.full(30, 3.0, np.float32), (np.arange(30) % 3 > 0).astype(np.float32)
    depth[4] = np.nan
    found = candidates(rays, camera, both).misfit(depth, distance, unmasked)
    for m in (0, 1):
        length = np.linalg.norm((rays * depth).T - in_camera[m], axis=-1)
        each = np.log(both[m].confidence) * length**p * unmasked
        assert found[m] == pytest.approx(np.nansum(each), rel=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e13])
def test_points_that_are_no_numbers_or_absurdly_far_say_nothing(readings, bad):
    rays, camera, both, _ = readings
    points, confidence = both[0].points.copy(), both[1].confidence.copy()
    points[3], confidence[5] = bad, np.nan
    confidence[7] = 0.2
    seen = candidates(rays, camera, [replace(both[0], points=points), replace(both[1], confidence=confidence)])
    assert seen.weight[0, 3] == seen.weight[1, 5] == 0
    assert 0 < seen.weight[1, 7] < 1e-5  # unsure, but all there may be
    assert np.isfinite(fit(seen, "l1")).all() and (seen.confidence >= 1).all()
    assert seen.confidence[3] == both[1].confidence[3]
    others = np.delete(np.arange(30), [3, 5, 7])
    assert (seen.depth[:, others] == candidates(rays, camera, both).depth[:, others]).all()


def test_depth_maps_of_other_scales_are_fused_to_one_of_their_shape():
    shape, scale = random(0).uniform(1, 3, 50), np.array([1.0, 2.5, 0.4, 1.7])
    depth, weight = scale[:, None] * shape, np.ones((4, 50))
    depth[3, :20] *= 3  # outvoted
    weight[0, 30:] = 0
    fused, total = fuse_depths(depth, weight)
    assert fused / shape == pytest.approx(np.full(50, fused[0] / shape[0]), rel=1e-9)
    assert total == pytest.approx(weight.mean(0))
    weight[:, 40:] = 0
    fused, total = fuse_depths(depth, weight)
    assert (total[40:] == 0).all() and (fused[40:] > 0).all() and np.ptp(fused[40:]) == 0
    nothing, none = fuse_depths(depth, 0 * weight)
    assert (nothing == 1).all() and (none == 0).all()


def pins_of(count, group=None, before=None, **known):
    """Pins of photos; known: by photo ("p0", ...) its KnownCamera."""
    cameras = [known.get(f"p{k}") for k in range(count)]
    return gather(cameras, before, np.arange(count) if group is None else np.array(group))


def test_a_roughly_known_focal_is_averaged_in_by_certainty_and_an_exact_one_taken():
    pins = pins_of(3, p1=KnownCamera(focal=120.0, focal_spread=0.05), p2=KnownCamera(focal=90.0))
    focal, spread = _informed(np.array([100.0, 100, 100]), np.array([0.1, 0.1, 0.1]), pins)
    seen, known = 1 / 0.1**2, 1 / 0.05**2
    mean = np.exp((seen * np.log(100) + known * np.log(120)) / (seen + known))
    assert focal == pytest.approx([100, mean, 90])
    assert spread == pytest.approx([0.1, (seen + known) ** -0.5, PINNED])
    assert pins.focal_pinned.tolist() == [False, False, True]


def test_photos_of_a_group_share_the_median_of_their_focals_weighted_by_certainty():
    focal, spread = np.array([100.0, 110, 150, 70]), np.array([0.1, 0.02, 0.1, 0.3])
    found, sure = _share(focal, spread, pins_of(4, [0, 0, 0, 3]))
    assert found.tolist() == [110, 110, 110, 70]
    assert sure == pytest.approx([*[np.mean(spread[:3]) / np.sqrt(3)] * 3, 0.3])
    pinned = pins_of(4, [0, 0, 0, 3], p2=KnownCamera(focal=150.0))
    found, sure = _share(focal, np.array([0.1, 0.02, PINNED, 0.3]), pinned)
    assert found.tolist() == [150, 150, 150, 70]
    assert sure.tolist() == [PINNED, PINNED, PINNED, 0.3]


def test_a_focal_that_nothing_shows_is_the_longer_side():
    _, observations = world_of()
    nothing = np.zeros((2, 6, 3)), np.zeros((2, 6))
    assert _focal(observations, 1, np.zeros(2), *nothing) == (40.0, SPREAD_UNKNOWN)


def test_photos_share_focals_by_size_lens_or_not_at_all():
    sizes, lenses = [(4, 3), (3, 4), (4, 3)], ["a", None, "a"]
    assert focal_groups("off", sizes, lenses).tolist() == [0, 1, 2]
    assert focal_groups("size", sizes, lenses).tolist() == [0, 1, 0]
    assert focal_groups("exif", sizes, [None, None, "a"]).tolist() == [0, 1, 2]
    assert focal_groups("exif", sizes, lenses).tolist() == [0, 1, 0]


def test_what_is_held_is_the_known_poses_and_of_photo_0_the_scale_where_nothing_else_fixes_it():
    assert pins_of(3).held.tolist() == [[True] * 7, [False] * 7, [False] * 7]
    pose = np.eye(4)
    one = pins_of(3, p1=KnownCamera(pose))
    assert one.held.tolist() == [[False] * 7, [True] * 7, [False] * 7] and not one.scaled
    aside = pose.copy()
    aside[0, 3] = 2
    two = pins_of(3, p1=KnownCamera(pose), p2=KnownCamera(aside))
    assert two.scaled
    assert two.held.tolist() == [[False] * 7, [True] * 6 + [False], [True] * 6 + [False]]
    same = pins_of(3, p0=KnownCamera(aside), p2=KnownCamera(aside))
    assert not same.scaled and same.held[0, 6] and not same.held[2, 6]


def test_an_earlier_solution_is_begun_with_where_half_of_the_photos_were_in_it():
    place = Placement(np.diag([1.0, 1, 1, 1]), 6.0, 0)
    assert set(pins_of(4, before=[place, None, place, None]).start(np.full(4, 2.0))) == {0, 2}
    assert pins_of(4, before=[place, None, None, None]).start(np.full(4, 2.0)) == {}
    assert pins_of(4, before=[place, None, place, None]).start(np.full(4, 2.0))[2].scale == 3
    other = replace(place, component=1)
    assert set(pins_of(3, before=[other, place, other]).start(np.ones(3))) == {0, 2}  # of the larger world alone


def test_known_poses_are_met_exactly_and_the_rest_follows():
    truth = poses(5, 3)
    pose = [np.eye(4) for _ in range(5)]
    for n in range(5):
        pose[n][:3, :3], pose[n][:3, 3] = truth.R[n], truth.translation[n]
    moved = poses(1, 9)[0].compose(truth)
    found = into_known_world(
        moved, pins_of(5, p1=KnownCamera(pose[1]), p3=KnownCamera(pose[3]), p4=KnownCamera(pose[4]))
    )
    assert found.scale == pytest.approx(truth.scale)
    assert pytest.approx(truth.R, abs=1e-9) == found.R
    assert found.translation == pytest.approx(truth.translation, abs=1e-9)
    assert (found.R[3] == pose[3][:3, :3]).all() and (found.translation[3] == pose[3][:3, 3]).all()
    alone = into_known_world(moved, pins_of(5, p1=KnownCamera(pose[1])))
    assert alone.scale == pytest.approx(moved.scale)  # one pose fixes no scale


def test_depths_beyond_all_reason_for_how_far_cameras_stand_apart_are_refused():
    aside = np.eye(4)
    aside[0, 3] = 2
    pins = pins_of(2, p0=KnownCamera(np.eye(4)), p1=KnownCamera(aside))
    check_depth(np.full((2, 5), 0.9e6), pins)
    with pytest.raises(InputError, match="no shift"):
        check_depth(np.full((2, 5), 1.1e6), pins)
    check_depth(np.full((2, 5), 1.1e6), pins_of(2, p0=KnownCamera(np.eye(4)), p1=KnownCamera(np.eye(4))))


RING = [(k, (k + 1) % 8) for k in range(8)] + [(k, (k + 2) % 8) for k in range(8)]


def test_averaging_finds_the_world_of_exact_edges_from_a_disturbed_start():
    truth = poses(8, 2)
    nudge = rotation_from_vector(0.05 * random(3).normal(size=(8, 3)))
    start = Similarity(truth.scale * 1.05, nudge @ truth.R, truth.translation + 0.1)
    assert_same_world(average_poses(relative_of(truth, RING), start), truth, 1e-5)


def test_averaging_is_not_moved_by_an_edge_that_contradicts_all_others():
    truth = poses(8, 2)
    relative = relative_of(truth, RING)
    wrong = relative.pose
    wrong.R[5] = rotation_from_vector(np.array([0.0, 1.0, 0.0])) @ wrong.R[5]
    wrong.scale[5] *= 3
    wrong.translation[5] += 4
    found = average_poses(relative, chain_poses(8, relative, spanning_tree(8, relative)))
    assert_same_world(found, truth, 0.05)


def test_a_world_is_chained_along_the_best_edges():
    truth = poses(4, 4)
    edges = [(0, 1), (1, 0), (1, 2), (2, 0), (3, 2), (1, 3)]
    relative = relative_of(truth, edges, [1, 3, 8, 2, 6, 5])
    tree = spanning_tree(4, relative)
    assert tree[0][0] == 1  # the first photo of the best edge
    assert {e for _, _, e in tree} == {2, 4, 1}
    assert all((known, new) in (edges[e], edges[e][::-1]) for known, new, e in tree)
    found = chain_poses(4, relative, tree)
    assert_same_world(found, truth)
    assert found.scale[1] == 1 and (found.R[1] == np.eye(3)).all()
    stood = chain_poses(4, relative, tree, {3: truth[3], 0: truth[0]})
    assert stood.translation == pytest.approx(truth.translation)
    assert (stood.R[3] == truth.R[3]).all()


def test_parts_are_numbered_in_the_order_of_their_first_photos():
    assert components(6, np.array([[5, 1], [2, 3], [3, 2]])).tolist() == [0, 1, 2, 2, 3, 1]
    assert components(3, np.zeros((0, 2), int)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [10, 60])
@pytest.mark.parametrize("dense", [0, 10**6])
def test_blocks_make_the_same_system_dense_and_sparse(count, dense, monkeypatch):
    monkeypatch.setattr(block_system, "DENSE_UNTIL", dense)
    generator = random(0)
    i, j = np.arange(count - 1), np.arange(1, count)
    J = generator.normal(size=(2, count - 1, 3, 3))
    rows, columns = np.concatenate([i, i, j, j, i]), np.concatenate([i, j, i, j, i])
    blocks = np.concatenate([a.swapaxes(-1, -2) @ b for a in J for b in J] + [np.tile(np.eye(3), (count - 1, 1, 1))])
    matrix, expected = block_matrix(count, rows, columns, blocks), np.zeros((3 * count, 3 * count))
    for row, column, block in zip(rows, columns, blocks, strict=True):
        expected[3 * row : 3 * row + 3, 3 * column : 3 * column + 3] += block
    full = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    assert full == pytest.approx(expected)
    right = generator.normal(size=(3 * count, 2))
    assert solve(matrix, right) == pytest.approx(np.linalg.solve(expected, right), rel=1e-4, abs=1e-5)
    assert solve(matrix, right[:, 0]) == pytest.approx(solve(matrix, right)[:, 0])


def test_what_no_equation_fixes_stays_where_it_is():
    matrix = np.zeros((3, 3))
    matrix[0, 0] = 4
    assert solve(matrix, np.array([8.0, 0, 0])) == pytest.approx([2, 0, 0])


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


def test_depths_off_by_a_smooth_factor_are_brought_level_with_the_kept_pixels():
    width, height = 64, 48
    pixels = np.unique(spread((width, height), 256))
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    truth = (2 + np.sin(9 * x) * np.cos(7 * y)).astype(np.float32).ravel()
    factor = np.exp(0.1 * x - 0.05 * y).astype(np.float32).ravel()
    kept = seen_of(truth[pixels][None], np.zeros((1, len(pixels))), np.ones((1, len(pixels))))
    found = levelled(truth / factor, (width, height), pixels, kept, "l1")
    inner = np.s_[6:-6, 6:-6]
    assert np.abs(np.log(found / truth)).reshape(height, width)[inner].max() < 0.01
    wild = kept.depth.copy()
    wild[:, ::7] *= 2  # edges of something: not what the surroundings are off by
    outvoted = levelled(truth / factor, (width, height), pixels, replace(kept, depth=wild), "l1")
    assert np.abs(np.log(outvoted / truth)).reshape(height, width)[inner].max() < 0.02
    flat = seen_of(np.full((1, len(pixels)), 3.0), np.zeros((1, len(pixels))), np.ones((1, len(pixels))))
    assert levelled(np.full(width * height, np.nan, np.float32), (width, height), pixels, flat, "l1") == pytest.approx(
        np.full(width * height, 3.0), rel=1e-5
    )


def stationary(values, weight, width):
    """The least minimum of the weighted sum of Cauchy's log(1 + (|x - value| / width)^2)."""
    places = np.linspace(values.min(), values.max(), 200_001)
    cost = sum(w * np.log1p(((places - value) / width) ** 2) for value, w in zip(values, weight, strict=True))
    return places[np.argmin(cost)]


def test_averages_of_turns_scales_and_places_minimise_cauchys_loss():
    off, quality = np.array([0.0, 0.001, -0.002, 0.003, 0.05, 0.04]), np.array([1, 2, 3, 2, 2.5, 1.5])
    wanted = stationary(off, quality, 0.01)
    one, edges = Similarity(np.ones(2), np.tile(np.eye(3), (2, 1, 1)), np.zeros((2, 3))), [(0, 1)] * 6
    start = replace(one, translation=np.array([[0.0, 0, 0], [0, 0, 1]]))
    exact = relative_of(start, edges, quality)
    turned = replace(exact.pose, R=rotation_from_vector(off[:, None] * [0, 1.0, 0]))
    found = average_poses(replace(exact, pose=turned), start)
    assert rotation_angle(found.R[0].T @ found.R[1]) == pytest.approx(wanted, abs=2e-6)
    scaled = replace(exact.pose, scale=np.exp(off))
    found = average_poses(replace(exact, pose=scaled), start)
    assert np.log(found.scale[1] / found.scale[0]) == pytest.approx(wanted, abs=2e-6)
    moved = replace(exact.pose, translation=exact.pose.translation + off[:, None] * [0, 0, 1.0])
    found = average_poses(replace(exact, pose=moved), start)
    assert found.translation[1] - found.translation[0] == pytest.approx([0, 0, 1 + wanted], abs=2e-6)
    larger = replace(start, scale=np.full(2, 4.0))  # places count in the first photo's units
    found = average_poses(replace(exact, pose=moved), larger)
    assert (found.translation[1] - found.translation[0])[2] == pytest.approx(4 * (1 + wanted), abs=1e-5)


def test_depths_are_fused_again_from_the_edges_where_a_photo_is_second_too():
    generator = random(7)
    pixels, centre = generator.uniform(0, 40, (2, 20, 2)), np.array([[20.0, 15.0]] * 2)
    depth, focal, world = generator.uniform(1, 3, (2, 20)), np.array([40.0, 50.0]), poses(2, 8)
    weight = np.ones((2, 20))
    weight[1, :5] = 0  # of photo 1 by itself nothing is known there
    canonical = Canonical(focal, np.full(2, 0.01), centre, depth, weight, np.ones(2, bool))
    own = canonical_points(canonical, pixels)
    relative = relative_of(world, [(0, 1)])
    said = np.stack([own[0], relative.pose.apply(own[1][None])[0]])[None]
    observations = Observations(
        np.array([[0, 1]]),
        2.5 * said,
        np.ones((1, 2, 20)),
        np.ones((1, 2)),
        pixels,
        *np.full((2, 2), 20.0),
        ((40, 30),) * 2,
    )
    assert edge_scales(observations, canonical) == pytest.approx([2.5])
    wrong = replace(canonical, depth=np.stack([depth[0], np.where(weight[1] > 0, depth[1], 77)]))
    found = with_every_view(observations, wrong, relative)
    assert found.depth[1] / depth[1] == pytest.approx(np.full(20, found.depth[1, 0] / depth[1, 0]))
    assert (found.weight == 1).all()
    unseen = replace(observations, weight=np.concatenate([np.ones((1, 1, 20)), np.zeros((1, 1, 20))], axis=1))
    assert (with_every_view(unseen, canonical, relative).weight[1] == 0).all()


def test_edges_are_of_use_between_two_photos_with_enough_points_on_both_sides_that_do_not_coincide():
    _, observations = world_of()
    generator = random(9)
    many = replace(
        observations,
        points=generator.normal(size=(4, 2, 9, 3)),
        weight=np.ones((4, 2, 9)),
        edges=observations.edges.copy(),
    )
    canonical = Canonical(*np.ones((2, 3)), np.zeros((3, 2)), *np.ones((2, 3, 9)), np.ones(3, bool))
    assert usable_edges(many, canonical).all()
    many.weight[0, 1, :2] = 0  # 7 points are left
    many.weight[1, 0, :1] = 0  # 8
    many.points[2, 0] = [1, 2, 3]
    many.edges[3] = 2, 2
    assert usable_edges(many, canonical).tolist() == [False, True, False, False]
    unknown = replace(canonical, weight=np.ones((3, 9)))
    unknown.weight[1, :2] = 0
    assert not usable_edges(many, unknown).any()


def test_an_edge_is_the_better_the_surer_the_network_is_and_the_less_its_points_are_off():
    generator = random(3)
    pixels, centre = generator.uniform(0, 40, (2, 60, 2)), np.array([[20.0, 15.0]] * 2)
    canonical = Canonical(
        np.full(2, 40.0), np.full(2, 0.01), centre, generator.uniform(2, 3, (2, 60)), np.ones((2, 60)), np.ones(2, bool)
    )
    own, exact = canonical_points(canonical, pixels), relative_of(poses(2, 8), [(0, 1)])
    said = np.stack([own[0], exact.pose.apply(own[1][None])[0]])
    noise = np.array([0, 0, 0.2, 0.4])[:, None, None, None] * generator.normal(size=(1, 2, 60, 3)) * 2
    weight = np.ones((4, 2, 60)) * np.array([1.0, 4, 1, 1])[:, None, None]
    weight[1, 1] = 1  # one side is four times as sure
    observations = Observations(
        np.array([[0, 1]] * 4), said + noise, weight, np.ones((4, 2)), pixels, *np.full((2, 2), 60.0), ((40, 30),) * 2
    )
    found = relative_poses(observations, canonical, lambda: None)
    assert found.misfit[:2] == pytest.approx([0, 0], abs=1e-6)
    assert found.quality[1] == pytest.approx(found.quality[0] * np.sqrt(2))
    assert found.quality[0] > 2 * found.quality[2]
    assert found.quality[2] > 1.5 * found.quality[3]
    assert found.misfit[3] == pytest.approx(2 * found.misfit[2], rel=0.2)
    assert rotation_angle(found.pose.R[0].T @ exact.pose.R[0]) < 1e-6
    assert found.pose.translation[0] == pytest.approx(exact.pose.translation[0], abs=1e-6)
