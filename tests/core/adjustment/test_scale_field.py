"""The network's depth brought onto triangulated points."""

import numpy as np
import pytest
from dust3r.core.adjustment.adjust import AdjustedCamera
from dust3r.core.adjustment.scale_field import tied_depth
from dust3r.core.adjustment.settings import AdjustmentSettings
from dust3r.core.cameras.evidence import CameraEvidence
from dust3r.core.images.pixel_mapping import PixelMapping

SIZE = (160, 120)
MAPPING = PixelMapping((320, 240), SIZE, scale=(2.0, 2.0))
K = np.array([[300.0, 0, 160], [0, 300.0, 120], [0, 0, 1]])


def camera(pixels, depth):
    """A turned camera that sees points at these depths in these photo pixels."""
    cam2world = np.eye(4)
    cam2world[:3, :3] = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    cam2world[:3, 3] = [1, 2, 3]
    rays = np.column_stack([(pixels - [160, 120]) / 300, np.ones(len(pixels))])
    points = (rays * depth[:, None]) @ cam2world[:3, :3].T + cam2world[:3, 3]
    return AdjustedCamera(cam2world, K, pixels, points, np.arange(len(pixels)), CameraEvidence())


def spread(count):
    return np.random.default_rng(0).uniform([1, 1], [319, 239], (count, 2))


def test_a_depth_in_another_unit_is_brought_to_the_points():
    tied = tied_depth(np.full(SIZE[::-1], 2.0, np.float32), MAPPING, camera(spread(40), np.full(40, 7.0)), SETTINGS)
    assert tied == pytest.approx(7.0, rel=1e-6)


def test_a_slope_of_the_ratio_over_the_photo_is_followed():
    pixels = spread(2000)
    tied = tied_depth(
        np.full(SIZE[::-1], 2.0, np.float32), MAPPING, camera(pixels, 2 * np.exp(pixels[:, 0] / 320)), SETTINGS
    )
    x = MAPPING.photo_axes()[0]
    middle = slice(30, 130)  # at the border the mean leans inwards
    assert tied[60, middle] == pytest.approx(2 * np.exp(x[middle] / 320), rel=0.02)


def test_one_wrong_point_hardly_moves_the_depth():
    pixels, depth = spread(400), np.full(400, 4.0)
    depth[7] = 4000.0
    tied = tied_depth(np.full(SIZE[::-1], 2.0, np.float32), MAPPING, camera(pixels, depth), SETTINGS)
    assert tied == pytest.approx(4.0, rel=1e-3)


def test_without_points_the_depth_stays_to_the_last_bit():
    depth = np.random.default_rng(0).uniform(1, 2, SIZE[::-1]).astype(np.float32)
    assert np.array_equal(tied_depth(depth, MAPPING, camera(np.empty((0, 2)), np.empty(0)), SETTINGS), depth)


SETTINGS = AdjustmentSettings()
