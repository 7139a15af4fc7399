"""What a pixel covers of planes whose corners are known."""

import numpy as np
import pytest
from dust3r.core.geometry.footprint import STEEPEST, footprints

X, Y = (np.arange(-20, 20) + 0.5) / 80, (np.arange(-15, 15) + 0.5) / 70


def plane(normal, distance):
    """Depth (H, W) of the plane of points whose product with the normal is a distance, at the rays' ends."""
    rays = np.stack([*np.meshgrid(X, Y), np.ones((len(Y), len(X)))], axis=-1)
    return (distance / (rays @ np.array(normal))).astype(np.float32), rays


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.4, 0, 1), (0.2, -0.7, 1), (-0.9, 0.5, 1)])
def test_it_is_the_area_between_neighbouring_rays(normal):
    depth, rays = plane(normal, 3.0)
    points = rays * depth[..., None]
    across, down = (np.gradient(points, axis=axis) for axis in (1, 0))
    area = np.linalg.norm(np.cross(across, down), axis=-1)
    inner = np.s_[3:-3, 3:-3]
    np.testing.assert_allclose(footprints(depth, X, Y)[inner], np.sqrt(area)[inner], rtol=0.01)


def test_it_grows_with_the_depth_and_a_grazing_surface_counts_only_so_much():
    level = np.full((30, 40), 2.0, np.float32)
    np.testing.assert_allclose(footprints(3 * level, X, Y), 3 * footprints(level, X, Y), rtol=1e-6)
    steep = footprints(plane((-3.5, 0, 1), 1.0)[0], X, Y)
    usual = footprints(plane((0, 0, 1), 1.0)[0], X, Y)
    depth = plane((-3.5, 0, 1), 1.0)[0]
    assert (steep / depth / usual <= STEEPEST**0.5 * 1.001).all() and (steep / depth / usual).max() > 1.9


def test_a_pixel_without_a_depth_leaves_its_neighbours_alone():
    depth, _ = plane((0, 0, 1), 2.0)
    depth[10, 10] = np.nan
    found = footprints(depth, X, Y)
    assert np.isnan(found[10, 10]) and np.isnan(found).sum() == 1
    assert footprints(np.full((30, 1), 2.0, np.float32), X[:1], Y) == pytest.approx(np.full((30, 1), 2 / 70), rel=1e-3)
