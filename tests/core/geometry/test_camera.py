"""The pinhole camera and the focal that a pointmap shows."""

import numpy as np
import pytest
from dust3r.core.geometry.camera import (
    estimate_focal,
    focal_bounds,
    intrinsics,
    pixel_rays,
    project,
    sample_depth,
    unproject,
)


def grid(width, height):
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2).astype(np.float64)


@pytest.fixture
def pointmap():
    """(points, pixels, focal, principal point) of a made-up camera."""
    pixels, principal_point = grid(32, 24), np.array([15.0, 13.5])
    depth = np.random.default_rng(0).uniform(1, 2, len(pixels))
    return pixel_rays(pixels, 40.0, principal_point) * depth[:, None], pixels, 40.0, principal_point


def test_projecting_a_point_on_a_pixels_ray_gives_that_pixel(pointmap):
    points, pixels, focal, principal_point = pointmap
    assert project(points, intrinsics(focal, principal_point))[0] == pytest.approx(pixels, abs=1e-12)


def test_unprojecting_is_the_inverse_of_projecting_wherever_the_camera_stands():
    generator = np.random.default_rng(0)
    K, pose = np.array([[40.0, 0, 15], [0, 50, 13.5], [0, 0, 1]]), np.eye(4)
    pose[:3, :3] = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    pose[:3, 3] = 1, 2, 3
    pixels, depth = generator.uniform(0, 30, (50, 2)), generator.uniform(1, 3, 50)
    there, found = project(unproject(pixels, depth, K, pose), K, pose)
    assert there == pytest.approx(pixels) and found == pytest.approx(depth)


def test_the_depth_map_of_a_plane_is_exact_between_pixels_and_ends_at_its_edges():
    x, y = np.meshgrid(np.arange(8) + 0.5, np.arange(6) + 0.5)
    depth = 1 / (0.5 + 0.001 * x + 0.002 * y)
    at = np.array([3.2, 2.9])
    assert sample_depth(depth, at) == pytest.approx(1 / (0.5 + 0.001 * 3.2 + 0.002 * 2.9), rel=1e-12)
    depth[:, 4:] = 9
    assert sample_depth(depth, np.array([4.1, 2.5])) == 9
    assert np.isnan(sample_depth(depth, np.array([4.1, 2.5]), edges="none"))


def test_points_behind_the_camera_have_no_pixel():
    assert np.isnan(project(np.array([[0.0, 0, -1], [1, 1, 0]]), intrinsics(10.0, np.zeros(2)))[0]).all()


def test_focal_is_recovered_from_the_pointmap_it_made(pointmap):
    points, pixels, focal, principal_point = pointmap
    found = estimate_focal(points, pixels - principal_point, np.ones(len(points)), (1, 1000))
    assert found == pytest.approx(focal, rel=1e-12)


def test_a_third_of_wild_points_hardly_moves_the_focal(pointmap):
    points, pixels, focal, principal_point = pointmap
    generator = np.random.default_rng(1)
    wild = generator.random(len(points)) < 0.33
    points[wild] = generator.normal(size=(wild.sum(), 3)) * 3
    found = estimate_focal(points, pixels - principal_point, np.ones(len(points)), focal_bounds((32, 24)))
    assert found == pytest.approx(focal, rel=0.01)


def test_points_mirrored_behind_the_camera_do_not_count(pointmap):
    points, pixels, focal, principal_point = pointmap
    points[::2] *= -1
    found = estimate_focal(points, pixels - principal_point, np.ones(len(points)), (1, 1000))
    assert found == pytest.approx(focal, rel=1e-12)


def test_points_without_weight_do_not_count(pointmap):
    points, pixels, focal, principal_point = pointmap
    points[::2, 2] *= 3
    weight = np.arange(len(points)) % 2.0
    assert estimate_focal(points, pixels - principal_point, weight, (1, 1000)) == pytest.approx(focal, rel=1e-12)


def test_focals_of_many_pointmaps_at_once_are_those_of_each_alone(pointmap):
    points, pixels, _, principal_point = pointmap
    generator = np.random.default_rng(2)
    many = points * generator.uniform(0.9, 1.1, (4, len(points), 1)) + 0.02 * generator.normal(size=(4, *points.shape))
    centred, weight = np.tile(pixels - principal_point, (4, 1, 1)), generator.uniform(0, 1, (4, len(points)))
    found = estimate_focal(many, centred, weight, (1, 1000))
    alone = [estimate_focal(*one, (1, 1000)) for one in zip(many, centred, weight, strict=True)]
    assert found == pytest.approx(np.array(alone), rel=1e-12)


def test_no_other_focal_has_a_smaller_weighted_sum_of_distances(pointmap):
    points, pixels, _, principal_point = pointmap
    generator = np.random.default_rng(3)
    points = points + 0.1 * generator.normal(size=points.shape)
    weight, centred = generator.uniform(0, 2, len(points)), pixels - principal_point
    found = float(estimate_focal(points, centred, weight, (1, 1000), iterations=300))
    slopes = points[:, :2] / points[:, 2:]
    cost = lambda f: (weight * np.linalg.norm(centred - f * slopes, axis=-1)).sum()  # noqa: E731
    assert cost(found) < min(cost(0.99 * found), cost(1.01 * found))
    assert found == pytest.approx(min(np.linspace(30, 50, 20001), key=cost), rel=1e-3)


def test_fewer_than_half_of_the_points_being_off_by_less_than_a_pixel_move_the_focal_not_at_all(pointmap):
    points, pixels, focal, principal_point = pointmap
    centred = pixels - principal_point
    centred[::3] *= 1.02  # all outwards
    assert estimate_focal(points, centred, np.ones(len(points)), (1, 1000), 200) == pytest.approx(focal, rel=1e-6)


def test_points_so_far_aside_that_alone_they_mean_half_the_least_focal_do_not_count(pointmap):
    points, pixels, focal, principal_point = pointmap
    centred, weight = pixels - principal_point, np.ones(len(points))
    points[::2, :2] *= 9  # alone they mean a focal of 40 / 9
    weight[::2] = 50
    assert estimate_focal(points, centred, weight, (10, 1000)) == pytest.approx(focal, rel=1e-12)
    assert estimate_focal(points, centred, weight, (8, 1000)) == 8


def test_without_any_point_the_focal_is_the_geometric_middle_of_the_bounds(pointmap):
    points, pixels, _, principal_point = pointmap
    found = estimate_focal(points, pixels - principal_point, np.zeros(len(points)), (4, 25))
    assert found == pytest.approx(10)


def test_focal_stays_within_its_bounds(pointmap):
    points, pixels, _, principal_point = pointmap
    arguments = points, pixels - principal_point, np.ones(len(points))
    assert estimate_focal(*arguments, (50, 60)) == 50
    assert estimate_focal(*arguments, (10, 20)) == 20


@pytest.mark.parametrize(
    ("points", "centre", "result"),
    [
        ("focal.pts", (16, 12), "focal.pts.weiszfeld"),
        ("focal.pts_degenerate", (16, 12), "focal.pts_degenerate.weiszfeld"),
        ("focal.pts", (15, 13.5), "focal.pts.weiszfeld.pp_off"),
    ],
)
def test_focal_agrees_with_the_published_weiszfeld(golden, points, centre, result):
    data = np.load(golden / "geometry.npz")
    X = data[points].reshape(-1, 3).astype(np.float64)
    usable = np.isfinite(X).all(-1).astype(np.float64)
    found = estimate_focal(np.nan_to_num(X), grid(32, 24) - centre, usable, focal_bounds((32, 24)))
    assert found == pytest.approx(float(data[result][0]), rel=3e-3)
