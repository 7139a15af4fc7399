"""Camera poses from pixels with known world points."""

import numpy as np
import pytest
from dust3r.core.geometry.camera import intrinsics, pixel_rays, project
from dust3r.core.geometry.p3p import _quartic_roots, three_point_poses
from dust3r.core.geometry.pnp import _Pixels, inlier_threshold, solve_pnp
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector

SIZE, CENTRE, FOCAL = (320, 240), np.array([160.0, 120.0]), 300.0


@pytest.fixture
def photo():
    """(world points, their pixels, cam2world) of 200 points before a camera."""
    generator = np.random.default_rng(0)
    pixels = generator.uniform([0, 0], SIZE, (200, 2))
    points = pixel_rays(pixels, FOCAL, CENTRE) * generator.uniform(2, 6, (200, 1))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(np.array([0.5, -1.2, 0.3])), [1, -2, 3]
    return points @ pose[:3, :3].T + pose[:3, 3], pixels, pose


def pose_error(found, truth):
    """(degrees, distance)."""
    turn = rotation_angle(found[:3, :3].T @ truth[:3, :3])
    return np.degrees(turn), np.linalg.norm(found[:3, 3] - truth[:3, 3])


def test_three_points_allow_the_true_pose_among_at_most_four(photo):
    points, pixels, pose = photo
    triples = np.arange(60).reshape(20, 3)
    for triple in triples:
        R, t = three_point_poses(points[triple][None], pixel_rays(pixels[triple], FOCAL, CENTRE)[None])
        assert 1 <= len(R) <= 4
        turns, shifts = np.abs(R - pose[:3, :3].T).max((1, 2)), np.abs(t + pose[:3, :3].T @ pose[:3, 3]).max(1)
        assert (turns + shifts).min() < 1e-5


def test_every_pose_of_three_points_puts_them_on_their_rays(photo):
    points, pixels, _ = photo
    triples = np.arange(60).reshape(20, 3)
    for triple in triples:
        R, t = three_point_poses(points[triple][None], pixel_rays(pixels[triple], FOCAL, CENTRE)[None])
        for R_k, t_k in zip(R, t, strict=True):
            found, _ = project(points[triple] @ R_k.T + t_k, intrinsics(FOCAL, CENTRE))
            assert found == pytest.approx(pixels[triple], abs=1e-4)


def test_coinciding_points_allow_no_pose():
    R, _ = three_point_poses(np.ones((1, 3, 3)), np.array([[[0, 0, 1], [1, 0, 1], [0, 1, 1.0]]]))
    assert len(R) == 0


def test_the_pose_is_exact_on_exact_points(photo):
    points, pixels, pose = photo
    found = solve_pnp(points, pixels, np.ones(200), CENTRE, SIZE, FOCAL)
    assert found is not None
    assert pose_error(found.cam2world, pose) == pytest.approx((0, 0), abs=1e-5)
    assert found.inliers.all()


def test_the_pose_survives_half_of_the_points_being_wild(photo):
    points, pixels, pose = photo
    points[:100] += np.random.default_rng(1).normal(size=(100, 3)) * 5
    found = solve_pnp(points, pixels, np.ones(200), CENTRE, SIZE, FOCAL)
    assert found is not None
    degrees, distance = pose_error(found.cam2world, pose)
    assert degrees < 0.05
    assert distance < 0.01
    assert found.inliers[100:].all()


def test_focal_and_pose_are_found_together(photo):
    points, pixels, pose = photo
    found = solve_pnp(points, pixels, np.ones(200), CENTRE, SIZE)
    assert found is not None
    assert found.focal == pytest.approx(FOCAL, rel=1e-4)
    assert pose_error(found.cam2world, pose) == pytest.approx((0, 0), abs=1e-2)


def test_points_without_weight_or_number_do_not_count(photo):
    points, pixels, pose = photo
    weight = np.ones(200)
    weight[:50], points[:50] = 0, 7
    points[50:60] = np.nan
    found = solve_pnp(points, pixels, weight, CENTRE, SIZE, FOCAL)
    assert found is not None
    assert pose_error(found.cam2world, pose) == pytest.approx((0, 0), abs=1e-5)
    assert not found.inliers[:60].any()


def test_three_points_are_too_few(photo):
    points, pixels, _ = photo
    assert solve_pnp(points[:3], pixels[:3], np.ones(3), CENTRE, SIZE, FOCAL) is None


def test_points_all_in_one_place_fit_no_camera(photo):
    _, pixels, _ = photo
    assert solve_pnp(np.ones((200, 3)), pixels, np.ones(200), CENTRE, SIZE, FOCAL) is None


def test_the_same_seed_gives_the_same_bits(photo):
    points, pixels, _ = photo
    points = points + np.random.default_rng(2).normal(size=points.shape) * 0.1
    a, b = (solve_pnp(points, pixels, np.ones(200), CENTRE, SIZE, seed=5) for _ in range(2))
    assert a is not None
    assert b is not None
    assert (a.cam2world == b.cam2world).all()


def test_the_pose_is_nearer_the_truth_than_the_published_one(golden):
    data = np.load(golden / "geometry.npz")
    pixels = np.stack(np.meshgrid(np.arange(32.0), np.arange(24.0)), axis=-1).reshape(-1, 2)
    points, weight = data["pnp.pts"].reshape(-1, 3).astype(np.float64), data["pnp.mask"].reshape(-1).astype(np.float64)
    found = solve_pnp(points, pixels, weight, np.array([16.0, 12.0]), (32, 24), float(data["pnp.true_focal"]))
    assert found is not None
    ours = pose_error(found.cam2world, data["pnp.true_cam2world"])
    published = pose_error(data["pnp.iter100.cam2world"].astype(np.float64), data["pnp.true_cam2world"])
    assert ours[0] < published[0]
    assert ours[1] < published[1]


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_nearly_equal_roots_count_as_real_whatever_their_size(size):
    double, apart = np.array([1 + 1e-7j, 1 - 1e-7j]), np.array([1 + 1e-3j, 1 - 1e-3j])
    roots = _quartic_roots(
        np.real([np.poly([*(size * double), -size, 2 * size]), np.poly([*(size * apart), -size, 0.5 * size])])
    )
    found = [np.sort(row[np.isfinite(row)]) / size for row in roots]
    assert found[0] == pytest.approx([-1, 1, 1, 2], rel=1e-5)
    assert found[1] == pytest.approx([-1, 0.5], rel=1e-5)


def test_quartics_without_a_leading_term_have_no_roots_here():
    assert np.isnan(_quartic_roots(np.array([[0.0, 1, -3, 2, 0], [np.nan, 1, 1, 1, 1]]))).all()


def test_an_outlier_is_further_off_than_three_two_hundredths_of_the_longer_side_and_than_a_pixel():
    assert inlier_threshold((320, 240)) == inlier_threshold((240, 320)) == pytest.approx(4.8)
    assert inlier_threshold((50, 40)) == 1


def test_a_poses_cost_is_the_share_of_the_weight_that_is_off():
    points = np.array([[0.0, 0, 2], [1, 0, 2], [0, 1, 2], [0, 0, -1]])
    centred = np.array([[0.0, 0], [50, 0], [0, 53], [0, 0]])  # right, right, 3 pixels off, behind
    data = _Pixels(points, centred, np.array([0.1, 0.2, 0.3, 0.4]), 6.0)
    assert data.cost(np.eye(3), np.zeros(3), 100.0) == pytest.approx(0.3 * 0.25 + 0)  # the last is on the axis
    moved = _Pixels(points, centred + 1000, np.array([0.1, 0.2, 0.3, 0.4]), 6.0)
    assert moved.cost(np.eye(3), np.zeros(3), 100.0) == pytest.approx(1)
