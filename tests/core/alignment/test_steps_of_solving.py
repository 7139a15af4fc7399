"""The solver's steps by themselves: focals, weights, damping and stopping, each against its formula."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from dust3r.core.alignment import aligner, averaging, canonical, pose_graph, refine, relative
from dust3r.core.alignment import normal_equations as normal
from dust3r.core.alignment.block_system import RIDGE, solve
from dust3r.core.alignment.canonical import (
    CONTRADICTION,
    PNP_EDGES,
    SPREAD_OF_ONE,
    SPREAD_UNKNOWN,
    _focal,
    _own_maps,
    _posed_maps,
    _share,
    _usable,
    canonical_pointmaps,
    fuse_depths,
)
from dust3r.core.alignment.known import (
    PINNED,
    SAME_PLACE,
    Placement,
    check_depth,
    focal_groups,
    focal_sources,
    gather,
    into_known_world,
)
from dust3r.core.alignment.objective import loss, pixel_weight, residuals
from dust3r.core.alignment.pose_graph import SHARES, _downhill, _moved, join_poses
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
from dust3r.core.alignment.relative import EXACT, FEWEST_POINTS, ROUGH, relative_poses, usable_edges
from dust3r.core.alignment.spanning_tree import chain_poses, spanning_tree
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.errors import InputError
from dust3r.core.geometry.camera import estimate_focal, focal_bounds, pixel_rays
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.geometry.similarity import Similarity
from dust3r.core.settings import AlignmentSettings

from .alignment_worlds import canonical_of, maps_with_focals, poses, random, relative_of, world_of
from .test_lone_and_two import two_photos


def pins_of(count, group=None, before=None, **known):
    cameras = [known.get(f"p{k}") for k in range(count)]
    return gather(cameras, before, np.arange(count) if group is None else np.array(group))


# focals


def test_a_focal_is_that_of_all_pointmaps_and_as_sure_as_they_agree():
    observations = maps_with_focals([50.0])
    (pixels,), centre = observations.pixels, np.array([20.0, 15.0])
    rays = [pixel_rays(pixels, focal, centre) for focal in (48.0, 50.0, 53.0)]
    points = np.stack([2 * ray for ray in rays])
    weight = np.ones((3, 12))
    focal, spread = _focal(observations, 0, centre, points, weight)
    bounds, every = focal_bounds((40, 30)), np.tile(pixels - centre, (3, 1))
    assert focal == pytest.approx(float(estimate_focal(points.reshape(-1, 3), every, np.ones(36), bounds)))
    scatter = 1.4826 * np.median(np.abs(np.log([48.0, 50, 53]) - np.log(focal)))
    assert spread == pytest.approx(scatter / np.sqrt(3), rel=1e-4)
    weight[0] = 0  # a map that says nothing does not count
    assert _focal(observations, 0, centre, points, weight)[1] != pytest.approx(spread, rel=1e-2)
    weight[2] = 0
    assert _focal(observations, 0, centre, points, weight) == (pytest.approx(50), SPREAD_OF_ONE)
    same = np.stack([points[1]] * 4)
    assert _focal(observations, 0, centre, same, np.ones((4, 12)))[1] == pytest.approx(1e-4 / 2)
    assert _focal(observations, 0, centre, points, 0 * weight) == (40, SPREAD_UNKNOWN)


def test_exifs_focal_is_dropped_where_it_is_three_standard_errors_off_and_a_persons_never():
    exif = [KnownCamera(focal=100 * np.exp(off), focal_spread=0.04, focal_source="exif") for off in (0.149, 0.151)]
    said = KnownCamera(focal=150.0, focal_spread=0.04)
    pins = pins_of(4, p0=exif[0], p1=exif[1], p2=said)
    told, dropped = _usable(np.full(4, 100.0), np.full(4, 0.03), pins)
    assert CONTRADICTION * np.hypot(0.03, 0.04) == pytest.approx(0.15)
    assert told.tolist() == [True, False, True, False] and dropped.tolist() == [False, True, False, False]
    found = canonical_pointmaps(maps_with_focals([100.0] * 4), np.tile([20.0, 15], (4, 1)), pins, 0, lambda: None)
    assert found.dropped.tolist() == [True, True, False, False]  # a pointmap alone is sure to a hundredth


def test_a_group_takes_its_pinned_focal_or_the_known_ones_median_or_that_of_all():
    focal, spread = np.array([100.0, 110, 150, 70, 90]), np.array([0.1, 0.2, 0.3, 0.1, 0.5])
    told = np.array([True, True, False, False, True])
    shared, sure = _share(focal, spread, told, pins_of(5, [0, 0, 0, 3, 3]))
    assert shared.tolist() == [100, 100, 100, 90, 90] and sure == pytest.approx([0.15] * 3 + [0.5] * 2)
    shared, sure = _share(focal, spread, np.zeros(5, bool), pins_of(5, [0, 0, 0, 3, 4]))
    assert shared.tolist() == [100, 100, 100, 70, 90]
    assert sure == pytest.approx([*[0.2 / np.sqrt(3)] * 3, 0.1, 0.5])
    exact = {f"p{k}": KnownCamera(focal=value) for k, value in ((1, 111.0), (2, 113.0))}
    shared, sure = _share(
        np.array([100.0, 111, 113]), np.array([0.1, PINNED, PINNED]), told[:3], pins_of(3, [0] * 3, **exact)
    )
    assert shared.tolist() == [112, 111, 113] and sure.tolist() == [PINNED] * 3
    assert focal.tolist() == [100, 110, 150, 70, 90]  # what was given stays


def test_a_known_focal_stretches_the_pointmaps_of_all_that_share_it():
    pins = pins_of(3, [0, 0, 2], p0=KnownCamera(focal=120.0))
    calls = []
    found = canonical_pointmaps(
        maps_with_focals([100.0, 80, 90]), np.tile([20.0, 15], (3, 1)), pins, 0, lambda: calls.append(1)
    )
    assert found.stretch == pytest.approx([1.2, 1.5, 1.0]) and len(calls) == 3
    assert found.focal == pytest.approx([120, 120, 90]) and found.known.all() and not found.dropped.any()
    guess = KnownCamera(focal=120.0, focal_spread=0.02)
    observations = maps_with_focals([100.0])
    exact, vague = (
        canonical_pointmaps(observations, np.array([[20.0, 15]]), pins_of(1, p0=guess), 0, lambda: None, spread)
        for spread in (0.0, 0.5)
    )
    seen, known = 1 / (SPREAD_OF_ONE**2 + 0.5**2), 1 / 0.02**2
    assert vague.focal[0] == pytest.approx(np.exp((seen * np.log(100) + known * np.log(120)) / (seen + known)))
    assert vague.focal_spread[0] == pytest.approx((seen + known) ** -0.5) and exact.focal[0] < 105
    alone = canonical_pointmaps(observations, np.array([[20.0, 15]]), pins_of(1), 0, lambda: None, 0.5)
    assert alone.focal_spread[0] == pytest.approx(SPREAD_OF_ONE)  # of focals that nothing is known of beforehand


def test_own_pointmaps_are_those_of_edges_where_a_photo_is_first_without_what_is_behind_it():
    _, observations, _ = two_photos(((0, 1), (0, 1), (1, 0), (0, 1)), (1.0, 2.0, 1.0, 1.0))
    observations.points[1, 0, :5, 2] *= -1
    observations.weight[3, 0] = 0
    points, weight = _own_maps(observations, 0, np.array([20.0, 15]), pins_of(2), 0)
    assert len(points) == 2 and (points[0] == observations.points[0, 0]).all()
    assert (weight[1] == 0).tolist() == [True] * 5 + [False] * 55 and (weight[0] == 1).all()


@pytest.mark.parametrize("known", [False, True])
def test_a_photo_that_is_never_first_is_posed_in_its_surest_edges(known, monkeypatch):
    _, observations, truth = two_photos(((0, 1),) * 6, (1.0, 1.1, 1.2, 1.3, 1.4, 1.5))
    observations.confidence[:, 0] = [1, 6, 5, 4, 3, 2]
    asked = []
    own = canonical.solve_pnp
    monkeypatch.setattr(canonical, "solve_pnp", lambda *a, **k: asked.append((a[0], a[5], k)) or own(*a, **k))
    pins = pins_of(2, p1=KnownCamera(focal=55.0)) if known else pins_of(2)
    points, weight = _posed_maps(observations, 1, truth.principal_point[1], pins, 3)
    assert len(points) == PNP_EDGES == 4 and (weight == 1).all()
    surest = [1, 2, 3, 4]
    assert all((given == observations.points[e, 1]).all() for e, (given, *_) in zip(surest, asked, strict=True))
    assert {focal for _, focal, _ in asked} == {55.0 if known else None} and asked[0][2] == {"seed": 3}
    rays = pixel_rays(observations.pixels[1:], truth.focal[1:], truth.principal_point[1:])[0]
    for one in points:
        ratio = one / (rays * truth.depth[1][:, None])
        assert ratio == pytest.approx(np.full((60, 3), np.median(ratio)), rel=1e-2)
    monkeypatch.setattr(canonical, "solve_pnp", lambda *a, **k: None)
    points, weight = _posed_maps(observations, 1, truth.principal_point[1], pins, 3)
    assert points.shape == (0, 60, 3) and weight.shape == (0, 60)


def test_depths_of_several_maps_are_fused_by_the_weighted_median_of_their_logs():
    depth = np.array([[2.0, 2, 2, 2, 2], [2, 2, 2, 2, 8], [2, 2, 2, 2, 2]])
    weight = np.array([[1.0, 1, 1, 1, 1], [1, 1, 1, 1, 3], [1, 1, 1, 1, 1]])
    fused, total = fuse_depths(depth, weight)
    assert fused.tolist() == pytest.approx([1, 1, 1, 1, 4]) and total.tolist() == pytest.approx([1, 1, 1, 1, 5 / 3])
    assert fuse_depths(depth[:1] * 3, weight[:1], rounds=0)[0] == pytest.approx(np.ones(5))
    hidden = weight.copy()
    hidden[1, 4] = 0
    assert fuse_depths(np.where(hidden > 0, depth, -1), hidden)[0] == pytest.approx(np.ones(5))


# relative poses


def test_edges_need_eight_points_on_either_side_that_both_know():
    assert FEWEST_POINTS == 8
    _, observations, own = two_photos(pixels=9)
    assert usable_edges(observations, own).tolist() == [True]
    for side in (0, 1):
        for lost, usable in ((1, True), (2, False)):
            less = replace(observations, weight=observations.weight.copy())
            less.weight[0, side, :lost] = 0
            assert usable_edges(less, own).tolist() == [usable]
            unknown = replace(own, weight=own.weight.copy())
            unknown.weight[side, :lost] = 0
            assert usable_edges(observations, unknown).tolist() == [usable]
    for side in (0, 1):
        flat = replace(observations, points=observations.points.copy())
        flat.points[0, side] = [3.0, 4, 5]
        assert not usable_edges(flat, own).any()
        flat.points[0, side, 0, 2] *= 1 + 2e-5  # spread over size: a third of this of nine points
        assert usable_edges(flat, own).all()


def test_points_count_by_their_distance_but_none_nearer_than_a_tenth_of_the_usual(monkeypatch):
    _, observations, own = two_photos(((0, 1),) * 3, (1.0, 2.0, 3.0))
    observations.points[1, 1, :3] *= 1e-3
    observations.weight[2, 1, :4] = 0
    own.weight[1, 50:] = 0
    asked, register, along = [], relative.register_robustly, relative.register_along_rays
    monkeypatch.setattr(relative, "register_robustly", lambda *a, **k: asked.append((a, k)) or register(*a, **k))
    monkeypatch.setattr(relative, "register_along_rays", lambda *a: asked.append((a, {})) or along(*a))
    found = relative_poses(observations, own, lambda: None)
    (rough, options), (fine, _) = asked
    assert options == {"iterations": ROUGH}
    source, target, weight, spread = rough[:4]
    unit = np.array([1.0, 2, 3])
    assert target == pytest.approx(observations.points[:, 1] / unit[:, None, None], rel=1e-6)
    assert (weight[:, 50:] == 0).all() and (weight[2, :4] == 0).all() and (weight[:2, :50] == 1).all()
    distance = np.linalg.norm(target, axis=-1)
    typical = np.median(distance[0][:50])
    assert spread[0] == pytest.approx(np.maximum(distance[0], 0.1 * typical), rel=0.05)
    assert spread[1, :3] == pytest.approx(np.full(3, 0.1 * typical), rel=0.1) and (fine[3] == spread).all()
    assert (source[0] == source[1]).all() and source.shape == (3, 60, 3)
    asked.clear()
    relative_poses(observations, own, lambda: None, found.pose)
    assert len(asked) == 1 and (asked[0][0][4].scale == found.pose.scale).all()


def test_edges_are_registered_in_pieces_and_are_as_good_as_sure_and_exact():
    _, observations, own = two_photos(((0, 1),) * 17, tuple(np.linspace(1, 3, 17)))
    observations.weight[3] *= 4
    observations.weight[4, 1] *= 9
    calls = []
    found = relative_poses(observations, own, lambda: calls.append(1))
    assert len(calls) == 2 and len(found.quality) == 17
    plain = np.sqrt(1 / EXACT**2)
    assert found.quality[0] == pytest.approx(np.sqrt(1 / EXACT**2), rel=1e-3) and plain == 100
    assert found.quality[3] == pytest.approx(2 * found.quality[0], rel=1e-3)
    assert found.quality[4] == pytest.approx(np.sqrt(3) * found.quality[0], rel=1e-3)


# graphs


def test_a_tree_takes_the_better_of_two_edges_and_of_equal_ones_the_first():
    world = poses(3, 4)
    found = spanning_tree(3, relative_of(world, [(0, 1), (1, 0), (1, 2), (2, 1)], [1, 3, 2, 2]))
    assert found == [(1, 0, 1), (1, 2, 2)]
    assert spanning_tree(2, relative_of(world, [(0, 1), (0, 1)], [2, 2])) == [(0, 1, 0)]


def test_a_chain_without_earlier_places_begins_at_the_tree_and_with_them_at_each():
    truth = poses(4, 4)
    edges = relative_of(truth, [(0, 1), (1, 2), (2, 3)])
    tree = spanning_tree(4, edges)
    found = chain_poses(4, edges, tree, {0: truth[0], 3: truth[2]})  # photo 3 stood elsewhere
    assert found.translation[:2] == pytest.approx(truth.translation[:2])
    assert found.translation[3] == pytest.approx(truth.translation[2])
    joined = truth[2].compose(edges.pose[2].inverse())
    assert found.translation[2] == pytest.approx(joined.translation) and found.scale[2] == pytest.approx(joined.scale)


def test_averages_narrow_their_kernel_and_weigh_edges_by_quality_over_it(monkeypatch):
    seen = []
    solve_graph = averaging._solve_graph
    monkeypatch.setattr(
        averaging,
        "_solve_graph",
        lambda n, e, wanted, pull: seen.append((wanted, pull)) or solve_graph(n, e, wanted, pull),
    )
    edges, quality, unit = np.array([[0, 1], [1, 2], [0, 2]]), np.array([1.0, 2, 3]), np.array([[2.0], [4.0], [5.0]])
    wanted = np.array([[1.0], [1], [5]])
    residual = lambda x: (wanted - (x[edges[:, 1]] - x[edges[:, 0]])) / unit  # noqa: E731
    averaging._average(np.zeros((3, 1)), residual, np.add, edges, quality, 0.01, unit)
    state = np.zeros((3, 1))
    for k, (asked, pull) in enumerate(seen[:6]):
        size = np.abs(residual(state))[:, 0]
        order = np.argsort(size)
        median = size[order][np.searchsorted(np.cumsum(quality[order]), quality.sum() / 2)]
        width = max(0.01, 1.5 * median, 2 * 1.0 * 0.7**k)
        assert asked == pytest.approx(residual(state) * unit)
        assert pull == pytest.approx(quality / (1 + (size / width) ** 2) / unit[:, 0] ** 2)
        state = state + solve_graph(3, edges, asked, pull)
    assert len(seen) <= averaging.ROUNDS


def test_the_values_on_a_graph_are_the_weighted_least_squares_with_the_first_at_0():
    edges = np.array([[0, 1], [1, 2], [0, 2], [2, 0]])
    wanted, weight = random(0).normal(size=(4, 2)), np.array([1.0, 2, 3, 0.5])
    found = averaging._solve_graph(3, edges, wanted, weight)
    A = np.zeros((4, 3))
    A[np.arange(4), edges[:, 1]], A[np.arange(4), edges[:, 0]] = 1, -1
    root = np.sqrt(weight)[:, None]
    expected = np.linalg.lstsq(root * A[:, 1:], root * wanted, rcond=None)[0]
    assert (found[0] == 0).all() and found[1:] == pytest.approx(expected, rel=1e-6)


def test_systems_of_very_different_units_are_solved_to_the_last_digits():
    size = np.array([1e-9, 1.0, 1e6])
    matrix = np.diag(size**2) @ np.eye(3) + 0.1 * np.outer(size, size)
    right = np.array([1e-9, 2.0, -3e6])
    assert solve(matrix, right) == pytest.approx(
        np.linalg.inv(matrix / size / size[:, None]) @ (right / size) / size, rel=1e-9
    )
    assert RIDGE < 1e-9


@pytest.mark.parametrize("wanted", range(len(SHARES) + 1))
def test_as_much_of_a_step_is_taken_as_does_not_raise_the_cost(monkeypatch, wanted):
    relative_one = relative_of(poses(2, 1), [(0, 1)])
    start = poses(2, 1)
    monkeypatch.setattr(pose_graph, "_moved", lambda poses, step, held: SimpleNamespace(share=step[0, 0]))

    def lacking(edges, world):
        share = getattr(world, "share", None)
        if share is None:
            return np.full((1, 7), 2.0)
        rank = SHARES.index(share)
        return np.full((1, 7), np.nan if rank == 0 and wanted else 2.0 if rank >= wanted else 2.1)

    monkeypatch.setattr(pose_graph, "residuals", lacking)
    found = _downhill(relative_one, start, np.ones((2, 7)), np.zeros((2, 7), bool), np.ones((1, 7)))
    assert found is None if wanted == len(SHARES) else found.share == SHARES[wanted]


def test_what_is_held_stays_and_what_moves_is_one_motion_about_each_photo():
    world = poses(3, 2)
    step = np.zeros((3, 7))
    step[:] = [0.1, -0.2, 0.3, 0, 0, 0, np.log(2)]  # turns and grows where it stands
    held = np.zeros((3, 7), bool)
    held[1, :6], held[2, 6] = True, True
    found = _moved(world, step, held)
    R = rotation_from_vector(step[0, :3])
    assert found.translation == pytest.approx(world.translation)
    assert found.R[[0, 2]] == pytest.approx(R @ world.R[[0, 2]]) and (found.R[1] == world.R[1]).all()
    assert found.scale == pytest.approx(world.scale * [2, 2, 1]) and found.scale[2] == world.scale[2]
    half = np.zeros((3, 7), bool)
    half[:, 0] = True  # a turn is held as a whole or not
    assert pytest.approx(R @ world.R) == _moved(world, step, half).R
    step[:, 3:6] = [1, 2, 3]
    step[:, :3] = step[:, 6] = 0
    assert _moved(world, step, held).translation[[0, 2]] == pytest.approx(world.translation[[0, 2]] + [1, 2, 3])


def test_poses_joined_weigh_every_kind_of_error_and_the_edges_quality():
    truth, generator = poses(6, 2), random(3)
    edges = [(i, j) for i in range(6) for j in range(i)] * 2
    relative_all = relative_of(truth, edges, [4.0] * 15 + [1.0] * 15)
    off = Similarity(
        np.exp(generator.normal(size=30) * 0.02),
        rotation_from_vector(generator.normal(size=(30, 3)) * np.repeat([0.001, 0.3], 15)[:, None]),
        np.zeros((30, 3)),
    )
    noisy = replace(relative_all, pose=relative_all.pose.compose(off))
    held = np.zeros((6, 7), bool)
    held[0] = True
    found = join_poses(noisy, truth, held)
    assert (found.R[0] == truth.R[0]).all() and (found.translation[0] == truth.translation[0]).all()
    lacking, quality = pose_graph.residuals(noisy, found), (noisy.quality / 4)[:, None]
    spread, pull = pose_graph.edge_errors(lacking, quality)
    _, slope = pose_graph.normal_equations(noisy, found, lacking, pull[:, None] * quality / spread**2)
    _, before = pose_graph.normal_equations(
        noisy, truth, pose_graph.residuals(noisy, truth), pull[:, None] * quality / spread**2
    )
    assert np.abs(slope[7:]).max() < 0.02 * np.abs(before[7:]).max()  # stationary


# what is known


def test_scale_is_known_from_two_poses_that_stand_apart_by_more_than_rounding():
    def scaled(*places):
        known = {}
        for k, place in enumerate(places):
            pose = np.eye(4)
            pose[:3, 3] = place
            known[f"p{k}"] = KnownCamera(pose)
        return pins_of(3, **known).scaled

    assert not scaled() and not scaled((0, 0, 5))
    assert scaled((0, 0, 1000), (0, 1.01e3 * SAME_PLACE, 1000)) and not scaled(
        (0, 0, 1000), (0, 0.9e3 * SAME_PLACE, 1000)
    )
    assert not scaled((0, 0, 0), (0, 0, 0)) and scaled((0, 0, 0), (1e-200, 0, 0))


def test_focals_come_from_the_surest_source_of_any_photo_that_shares_them():
    exif, known = KnownCamera(focal=50.0, focal_source="exif"), KnownCamera(focal=50.0)
    assert focal_sources(None, np.arange(2), np.zeros(2, bool)) == ("network", "network")
    cameras = [exif, None, known, KnownCamera(np.eye(4))]
    assert focal_sources(cameras, np.arange(4), np.zeros(4, bool)) == ("exif", "network", "known", "network")
    assert focal_sources(cameras, np.array([0, 0, 2, 2]), np.zeros(4, bool)) == ("exif", "exif", "known", "known")
    assert focal_sources(cameras, np.array([0, 0, 0, 0]), np.zeros(4, bool)) == ("known",) * 4
    assert focal_sources(cameras, np.array([0, 0, 2, 3]), np.array([True, False, False, False])) == (
        "network", "network", "known", "network",
    )  # fmt: skip


def test_what_is_gathered_names_what_was_given_for_another_number_of_photos():
    with pytest.raises(InputError, match="Known cameras were given for 2 photos, but there are 3"):
        gather([None] * 2, None, np.arange(3))
    with pytest.raises(InputError, match="Earlier places were given for 4 photos, but there are 3"):
        gather(None, [None] * 4, np.arange(3))
    with pytest.raises(InputError, match="shared_focal exif needs photos"):
        focal_groups("exif", [(4, 3)], None)
    nothing = gather(None, None, np.arange(2))
    assert not nothing.posed.any() and (nothing.cam2world == np.eye(4)).all() and np.isnan(nothing.stood_depth).all()
    assert nothing.focal_spread.tolist() == [PINNED] * 2 and not nothing.focal_pinned.any()
    assert not nothing.focal_from_exif.any() and (nothing.stood == np.eye(4)).all()
    place = Placement(np.diag([1.0, -1, -1, 1]), 3.0, 5)
    pins = gather(None, [place, None, replace(place, component=6), place], np.arange(4))
    assert (
        pins.stood_depth.tolist()[:1] + pins.stood_depth.tolist()[3:] == [3, 3]
        and np.isnan(pins.stood_depth[1:3]).all()
    )
    assert (pins.stood[0] == place.cam2world).all() and (pins.stood[2] == np.eye(4)).all()
    part = pins.of(np.array([3, 2]))
    assert part.stood_depth[0] == 3 and np.isnan(part.stood_depth[1]) and part.focal_group.tolist() == [3, 2]
    posed = pins_of(2, p1=KnownCamera(np.eye(4)))
    assert posed.posed.tolist() == [False, True] and not posed.unposed.posed.any()


def test_one_known_pose_turns_and_shifts_the_world_to_itself():
    moved, pose = poses(3, 9), np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(np.array([0.3, 1, -0.5])), [4, 5, 6]
    found = into_known_world(moved, pins_of(3, p1=KnownCamera(pose)))
    assert (found.R[1] == pose[:3, :3]).all() and (found.translation[1] == [4, 5, 6]).all()
    turn = pose[:3, :3] @ moved.R[1].T
    assert pytest.approx(turn @ moved.R) == found.R
    assert found.translation == pytest.approx((moved.translation - moved.translation[1]) @ turn.T + [4, 5, 6])
    check_depth(np.full((3, 4), 1e9), pins_of(3, p1=KnownCamera(pose)))


# refinement


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


# the whole


def test_what_does_not_fit_the_photos_is_named():
    mapping = SimpleNamespace(view_size=(4, 3))
    fine = SimpleNamespace(edge=(0, 1), shape=lambda side: (3, 4))
    aligner._check([mapping] * 2, [fine])
    for mappings, predictions, sentence in (
        ([], [fine], "Nothing to align: 0 photos and 1 predicted pairs"),
        ([mapping], [], "Nothing to align: 1 photos and 0 predicted pairs"),
        ([mapping], [fine], r"Pair \(0, 1\) names photo 1, but there are 1"),
        ([mapping] * 2, [SimpleNamespace(edge=(-1, 1), shape=fine.shape)], r"Pair \(-1, 1\) names photo -1"),
        (
            [mapping] * 2,
            [SimpleNamespace(edge=(0, 1), shape=lambda side: (3 + side, 4))],
            r"\(4, 4\) points for photo 1 of 4 x 3",
        ),
    ):
        with pytest.raises(InputError, match=sentence):
            aligner._check(mappings, predictions)


def test_a_search_begins_at_the_earlier_solution_where_there_is_one_and_else_at_the_average():
    truth = poses(3, 4)
    edges = relative_of(truth, [(0, 1), (1, 2), (0, 2)])
    wrong = edges.pose[np.arange(3)]
    wrong.translation[2] += 1.0
    edges = replace(edges, pose=wrong, quality=np.array([2.0, 1.5, 1]))
    own = canonical_of(1.0, np.zeros((3, 2)), np.full((3, 5), 2.0), np.ones((3, 5)))
    pose = np.eye(4)
    pose[:3, 3] = 7, 8, 9
    stood = aligner._start(edges, own, pins_of(3, before=[Placement(pose, 6.0, 0)] * 3))
    assert (stood.translation == [7, 8, 9]).all() and stood.scale == pytest.approx([3, 3, 3])
    averaged = aligner._start(edges, own, pins_of(3))
    chained = chain_poses(3, edges, spanning_tree(3, edges))
    assert (averaged.translation == averaging.average_poses(edges, chained).translation).all()
    assert (averaged.translation != chained.translation).any()


def test_a_world_stands_in_the_frame_of_its_surest_edges_first_camera_or_of_the_first_known_pose():
    world, observations = world_of()
    observations = replace(observations, confidence=np.array([[1.0, 2], [3, 3], [5, 1], [1, 1]]))
    found = aligner._settled(world, observations, pins_of(3))
    assert (found.R[1] == np.eye(3)).all() and (found.centre[1] == 0).all()  # edge (1, 0) has 9
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(np.array([0.3, 1, -0.5])), [4, 5, 6]
    one = aligner._settled(world, observations, pins_of(3, p2=KnownCamera(pose)))
    assert (one.R[2] == pose[:3, :3]).all() and (one.centre[2] == [4, 5, 6]).all()
    aside = pose.copy()
    aside[0, 3] = 9
    assert aligner._settled(world, observations, pins_of(3, p0=KnownCamera(pose), p2=KnownCamera(aside))) is world
