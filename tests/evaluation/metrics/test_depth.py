"""Depth, point and placement figures against cases worked out by hand."""

import numpy as np
import pytest
from dust3r.evaluation.metrics.depth import depth_metrics
from dust3r.evaluation.metrics.points import point_errors
from dust3r.evaluation.metrics.poses import placed_photos
from dust3r.tests.box_room import EYES, TARGET, look_at


def test_the_unit_makes_no_error():
    true = np.array([1.0, 2, 3, 10])
    assert depth_metrics(7 * true, true) == {"absrel": 0, "delta125": 100, "tau103": 100}


def test_errors_are_counted_by_hand():
    true = np.array([1.0, 1, 1, 2, 2])  # the medians agree: 1 and 1
    found = np.array([1.0, 1, 0.5, 2.04, 2.4])
    figures = depth_metrics(found, true)
    assert figures["absrel"] == pytest.approx(100 * (0 + 0 + 0.5 + 0.02 + 0.2) / 5)
    assert figures["delta125"] == pytest.approx(80)
    assert figures["tau103"] == pytest.approx(60)


def test_depth_behind_the_camera_is_wrong_and_not_a_crash():
    figures = depth_metrics(np.array([-1.0, 1, 1, np.nan]), np.ones(4))
    assert figures["delta125"] == 0  # the median of 0, 0, 1, 1 is half the true one
    assert depth_metrics(np.full(3, -1.0), np.ones(3)) == {"absrel": 100, "delta125": 0, "tau103": 0}


def test_points_are_off_in_parts_of_their_depth():
    errors = point_errors(np.array([[0.0, 3, 4], [1, 0, 2]]), np.array([[0.0, 0, 0], [1, 0, 2]]), np.array([50.0, 2]))
    assert errors == pytest.approx([10, 0])


def _row(*centres):
    poses = np.tile(np.eye(4), (len(centres), 1, 1))
    poses[:, :3, 3] = centres
    return poses


ROW = _row((0, 0, 0), (1, 0, 0), (0, 1, 0), (2, 3, 1))


def test_a_photo_gone_astray_is_not_placed_and_takes_no_other_with_it():
    found = ROW.copy()
    found[3, :3, 3] = -found[3, :3, 3]
    assert placed_photos(2 * ROW, ROW, np.zeros(4, int)) == 4
    assert placed_photos(found, ROW, np.zeros(4, int)) == 3


def test_a_photo_always_agrees_with_itself():
    true = np.stack([look_at(eye) for eye in EYES])
    found = np.stack([look_at(3 * np.array(eye) + 0.7, 3 * np.array(TARGET) + 0.7) for eye in EYES])
    assert placed_photos(found, true, np.zeros(len(EYES), int)) == len(EYES)


def test_photos_without_a_common_world_are_not_placed_together():
    assert placed_photos(ROW, ROW, np.array([0, 0, 1, 1])) == 2
    assert placed_photos(ROW, ROW, np.arange(4)) == 0
