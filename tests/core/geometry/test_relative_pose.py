"""Relative poses of analytic scenes, three tenths of whose data are wrong."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.errors import ReconstructionError
from dust3r.core.geometry.epipolar import depths, essential_matrix, sampson_errors
from dust3r.core.geometry.motion import motion_between
from dust3r.core.geometry.relative_pose import Camera, TwoViews, _epipolar_threshold, relative_pose, travel_length
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector
from dust3r.core.geometry.similarity import weighted_median
from dust3r.tests.core.pair_scene import CAMERA_A, OUTLIERS, two_views

METHODS = ("essential", "procrustes", "pnp")


def errors(found, truth):
    """(degrees, share of the distance between the cameras)."""
    turn = np.degrees(rotation_angle(found.cam2world[:3, :3].T @ truth[:3, :3]))
    return turn, np.linalg.norm(found.cam2world[:3, 3] - truth[:3, 3]) / np.linalg.norm(truth[:3, 3])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(6))
def test_with_three_tenths_outliers_turn_and_travel_are_right(method, seed):
    views, truth = two_views(seed)
    found = relative_pose(views, method)
    degrees, share = errors(found, truth)
    assert degrees < 0.5
    assert share < 0.01
    assert abs(found.inliers.mean() - (1 - OUTLIERS)) < 0.1
    assert found.directed


@pytest.mark.parametrize("method", ["procrustes", "pnp"])
def test_on_a_plane_points_tell_the_pose(method):
    views, truth = two_views(1, plane=True)
    assert errors(relative_pose(views, method), truth) < (0.5, 0.01)


def test_on_a_plane_matches_alone_allow_another_motion_that_explains_them_all():
    views, truth = two_views(1, plane=True)
    found = relative_pose(views, "essential")
    assert found.inliers.mean() > 0.95 * (1 - OUTLIERS)
    assert errors(found, truth) > (1, 0.1)  # why the methods that know points are there


@pytest.mark.parametrize("method", METHODS)
def test_a_camera_that_only_turned_has_its_turn_found_and_hardly_a_travel(method):
    views, truth = two_views(2, travel=0)
    found = relative_pose(views, method)
    assert np.degrees(rotation_angle(found.cam2world[:3, :3].T @ truth[:3, :3])) < 0.5
    assert np.linalg.norm(found.cam2world[:3, 3]) < 0.05  # one hundredth of the depth
    assert found.directed == (method != "essential")


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.1, 0.2, -0.05)])
def test_a_turn_without_noise_which_allows_any_travel_is_found(turn):
    rays = np.concatenate([np.random.default_rng(0).uniform(-0.5, 0.5, (200, 2)), np.ones((200, 1))], axis=1)
    R = rotation_from_vector(np.array(turn, dtype=float))
    turned = rays @ R.T
    found = motion_between(rays, turned / turned[:, 2:], threshold=1e-3)
    assert np.degrees(rotation_angle(found.R.T @ R)) < 1e-6
    assert (found.t == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_data_and_seed_give_the_same_pose(method):
    views, _ = two_views(3)
    first, second = (relative_pose(views, method, seed=5) for _ in range(2))
    assert (first.cam2world == second.cam2world).all()


@pytest.mark.parametrize("method", METHODS)
def test_without_enough_data_there_is_no_pose(method):
    views, _ = two_views(4)
    few = {name: getattr(views, name)[:2] for name in TwoViews.__slots__ if not name.startswith("camera")}
    assert relative_pose(replace(views, **few), method) is None


def test_points_of_weight_zero_or_not_finite_take_no_part():
    views, truth = two_views(5)
    points, weight = views.points_ab.copy(), views.weight_a.copy()
    points[:100], points[100:200], weight[100:200] = np.nan, 1e3, 0
    found = relative_pose(replace(views, points_ab=points, weight_a=weight), "procrustes")
    assert errors(found, truth) < (0.5, 0.01)
    assert not found.inliers[:200].any()


def test_points_that_agree_among_each_other_on_another_pose_are_outvoted_by_more_that_agree():
    views, truth = two_views(5, outliers=0)
    moved = views.points_ab.copy()
    wrong = np.random.default_rng(0).random(len(moved)) < 0.4
    moved[wrong] = moved[wrong] @ rotation_from_vector(np.array([0.0, 1.2, 0.0])).T + np.array([6.0, 0, 0])
    found = relative_pose(replace(views, points_ab=moved), "procrustes")
    assert errors(found, truth) < (0.5, 0.01)
    assert not found.inliers[wrong].any()


def test_points_all_in_one_place_fit_no_pose():
    views, _ = two_views(5)
    assert relative_pose(replace(views, points_ab=np.ones_like(views.points_ab)), "procrustes") is None


def test_six_matches_allow_the_true_essential_matrix():
    views, truth = two_views(6)
    R, t = truth[:3, :3].T, -truth[:3, :3].T @ truth[:3, 3]
    E = essential_matrix(R, t / np.linalg.norm(t)) / np.sqrt(2)
    rays_a = CAMERA_A.rays(views.matched_a)
    points = views.points_aa @ R.T + t
    rays_b = points / points[:, 2:]
    for k in range(20):
        motion = motion_between(rays_a[6 * k : 6 * k + 6], rays_b[6 * k : 6 * k + 6], threshold=1e-3)
        found = essential_matrix(motion.R, motion.t) / np.sqrt(2)
        assert min(np.abs(found - E).max(), np.abs(found + E).max()) < 1e-5
    assert np.abs(sampson_errors(E, rays_a, rays_b)).max() < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_turn_on_the_spot_is_found_as_well_as_its_matches_allow(seed):
    generator = np.random.default_rng(seed)
    points = generator.normal([0, 0, 6], 1, (300, 3))
    R, noise = rotation_from_vector(0.2 * generator.normal(size=3)), 2e-4
    rays_a, rays_b = (x / x[:, 2:] for x in (points, points @ R.T))
    rays_b[:, :2] += noise * generator.normal(size=(300, 2))
    rays_b[:90, :2] = generator.uniform(-0.3, 0.3, (90, 2))  # wrong matches
    found = motion_between(rays_a, rays_b, threshold=1e-3)
    assert (found.t == 0).all()
    assert rotation_angle(found.R.T @ R) < noise  # of one ray


def test_without_poselib_one_sentence_says_what_is_missing(monkeypatch):
    views, _ = two_views(0)
    monkeypatch.setitem(sys.modules, "poselib", None)
    with pytest.raises(ReconstructionError, match="needs the package poselib"):
        relative_pose(views, "essential")
    assert relative_pose(views, "pnp") is not None


def test_matches_nearer_than_the_cameras_are_apart_count_as_agreeing():
    generator = np.random.default_rng(3)
    points = generator.uniform([-0.3, -0.3, 0.5], [0.3, 0.3, 0.9], (100, 3))
    R = rotation_from_vector(np.array([0.0, np.radians(80), 0.0]))
    t = np.array([0.0, 0, 0.7]) - R @ np.array([0.0, 0, 0.7])  # both look at a place 0.7 away
    rays_a, rays_b = (x / x[:, 2:] for x in (points, points @ R.T + t))
    assert (points[:, 2] < np.linalg.norm(t)).all()
    found = motion_between(rays_a, rays_b, threshold=1e-3)
    assert found.inliers.all()
    assert rotation_angle(found.R.T @ R) < 1e-6
    assert found.t == pytest.approx(t / np.linalg.norm(t), abs=1e-6)


def test_outliers_are_half_a_percent_of_the_longer_side_off_by_each_photos_own_focal():
    views, _ = two_views(0)
    wide = Camera(100.0, np.zeros(2), (300, 400))  # 4 focals
    assert _epipolar_threshold(replace(views, camera_a=wide, camera_b=wide)) == pytest.approx(0.005 * 4)
    long = Camera(400.0, np.zeros(2), (400, 300))
    both = _epipolar_threshold(replace(views, camera_a=wide, camera_b=long))
    assert both == pytest.approx(0.005 * np.sqrt((16 + 1) / 2))


def test_the_length_of_the_way_is_the_median_weighted_by_parallax():
    generator = np.random.default_rng(0)
    points = generator.uniform([-9, -2, 2], [3, 2, 4], (4000, 3))
    direction, R = np.array([0.6, 0.0, 0.8]), rotation_from_vector(np.array([0.1, -0.3, 0.2]))
    # what every point by itself says of the length: the more, the further to the side
    each = 0.7 + 0.05 * points[:, 0] + generator.uniform(-0.1, 0.1, 4000)
    seen = (points - each[:, None] * direction) @ R
    rays = seen / seen[:, 2:]
    parallax = np.sin(np.arccos(np.clip(np.sum(seen @ R.T * direction, axis=1) / np.linalg.norm(seen, axis=1), -1, 1)))
    wanted = weighted_median(each, parallax / np.linalg.norm(points, axis=1))
    assert travel_length(R, direction, points, rays) == pytest.approx(float(wanted))
    assert travel_length(R, direction, points, 5 * rays) == pytest.approx(float(wanted))


def test_the_depths_of_matches_are_those_of_the_points_that_both_cameras_saw():
    points = np.random.default_rng(0).uniform([-2, -2, 2], [2, 2, 6], (50, 3))
    R, t = rotation_from_vector(np.array([0.1, -0.3, 0.2])), np.array([0.6, -0.2, 0.4])
    seen = points @ R.T + t
    found_a, found_b = depths(R, t, points / points[:, 2:], seen / seen[:, 2:])
    assert found_a == pytest.approx(points[:, 2])
    assert found_b == pytest.approx(seen[:, 2])
