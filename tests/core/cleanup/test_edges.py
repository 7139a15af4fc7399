"""Pixels that hang between two surfaces: all of them, and no surface however slanted."""

import numpy as np
import pytest
from dust3r.core.cleanup.edges import find_edges
from dust3r.core.cleanup.settings import CleanupSettings
from dust3r.tests.core.cleanup_scene import SIZE, make_view, room_views

WIDTH, HEIGHT = SIZE
COLUMN, ROW = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))


def found(depth, **more):
    return find_edges(make_view(depth, **more), CleanupSettings())


def ramp(near, far, width, place=60):
    """Depths (H, W) that lead from near to far over `width` pixels in between, and which those are."""
    share = ((COLUMN - place + 1) / (width + 1)).clip(0, 1)
    return near + (far - near) * share, (share > 0) & (share < 1)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize(("near", "far"), [(1, 2), (2, 1), (3, 4), (1, 20)])
def test_all_pixels_between_two_surfaces_are_found_and_no_others(near, far, width):
    depth, between = ramp(near, far, width)
    np.testing.assert_array_equal(found(depth), between)
    np.testing.assert_array_equal(found(depth.T), between.T)


def test_a_clean_jump_has_no_flying_pixels():
    assert not found(np.where(COLUMN < 60, 1.0, 3.0)).any()


@pytest.mark.parametrize("tilt", [0.5, 5.0, 50.0])
def test_a_floor_up_to_its_horizon_and_a_wall_seen_along_itself_have_none(tilt):
    nearness = 0.01 + tilt * (ROW + 1) / HEIGHT  # a plane: inverse depth is linear
    assert not found(1 / nearness).any()
    assert not found(1 / (0.01 + tilt * (COLUMN + 1) / WIDTH)).any()


def test_a_grazing_floor_that_meets_a_wall_has_none():
    wall = np.full((HEIGHT, WIDTH), 8.0)
    floor = 60.0 / np.maximum(ROW - 40, 1e-3)
    assert not found(np.minimum(wall, floor)).any()


def test_rounded_things_have_none_within():
    x, y = (COLUMN - 64) / 30, (ROW - 48) / 30
    inside = x**2 + y**2 < 0.95
    ball = 3 - np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    assert not (found(np.where(inside, ball, 9.0)) & inside).any()


def test_the_true_depths_of_a_room_have_hardly_any():
    views = room_views(2, size=(512, 384))
    assert np.mean([find_edges(view, CleanupSettings()).mean() for view in views]) < 0.001


def test_a_depth_map_that_is_smoothed_across_its_edges_has_them_where_it_lies_between():
    from scipy.ndimage import gaussian_filter

    disc = (COLUMN - 64) ** 2 + (ROW - 48) ** 2 < 25**2
    depth = gaussian_filter(np.where(disc, 2.0, 4.0), 1.0)
    between = (depth > 2.2) & (depth < 3.8)
    flying = found(depth)
    assert flying[between].mean() > 0.9
    assert not flying[(depth < 2.02) | (depth > 3.98)].any()


def test_noise_from_pixel_to_pixel_is_not_taken_for_edges():
    noise = np.exp(0.05 * np.random.default_rng(0).standard_normal((HEIGHT, WIDTH)))
    depth, between = ramp(1, 4, 3)
    assert found(3 * noise).mean() < 0.01
    assert found(depth * np.exp(np.log(noise) / 10))[between].mean() > 0.9


def test_masked_pixels_and_missing_depths_are_no_edges():
    depth, between = ramp(1, 2, 3)
    mask = ~between
    assert not found(depth, mask=mask).any()
    assert not found(np.where(between, np.nan, depth)).any()
    assert not found(np.full((HEIGHT, WIDTH), np.nan)).any()
