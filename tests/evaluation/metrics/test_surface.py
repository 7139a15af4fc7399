"""The DTU benchmark's figures against surfaces whose distances can be worked out by hand."""

import numpy as np
import pytest
from dust3r.evaluation.metrics.surface import FARTHEST, ScannedSurface, nearest_distances, surface_metrics, thinned

X, Y = np.meshgrid(np.arange(5.0, 25), np.arange(5.0, 25))
SHEET = np.stack([X.ravel(), Y.ravel(), np.full(X.size, 10.0)], axis=1)  # 20 x 20 points, 1 mm apart


def lifted(points, height):
    return points + np.array([0, 0, height])


def scan(observable=None, points=SHEET, plane=(0, 0, 1, 0)):
    cells = np.ones((30, 30, 40), dtype=bool) if observable is None else observable
    corners = np.array([[0.0, 0, 0], [29, 29, 39]])
    return ScannedSurface(points, cells, corners, 1.0, np.array(plane, dtype=float))


def test_the_scan_itself_is_off_by_nothing():
    assert surface_metrics(SHEET, scan()) == {"accuracy": 0, "completeness": 0, "overall": 0}


def test_a_lifted_sheet_is_off_by_its_height_both_ways():
    figures = surface_metrics(lifted(SHEET, 3), scan())
    assert list(figures.values()) == pytest.approx([3, 3, 3])


def test_half_a_sheet_is_accurate_and_incomplete():
    half = SHEET[SHEET[:, 0] < 15]  # columns 5 to 14; those at 15, ..., 24 are 1, ..., 10 mm away
    figures = surface_metrics(half, scan())
    assert figures["accuracy"] == 0
    assert figures["completeness"] == pytest.approx(55 / 20)
    assert figures["overall"] == pytest.approx(55 / 40)


def test_points_where_the_scanner_saw_nothing_do_not_count():
    observable = np.ones((30, 30, 40), dtype=bool)
    observable[:, :, 13:] = False
    stray = np.concatenate([lifted(SHEET, height) for height in (1, 8, 200)])
    assert surface_metrics(stray, scan(observable))["accuracy"] == pytest.approx(1)


def test_a_distance_of_twenty_millimetres_is_an_outlier():
    far = np.concatenate([SHEET, lifted(SHEET[:1], 19), lifted(SHEET[:1], 20)])
    assert surface_metrics(far, scan())["accuracy"] == pytest.approx(19 / 401)


def test_the_scan_below_the_table_need_not_be_found():
    table = np.concatenate([SHEET, lifted(SHEET, -8)])
    figures = surface_metrics(SHEET, scan(points=table, plane=(0, 0, 1, -5)))
    assert figures["completeness"] == 0


def test_thinning_leaves_no_two_points_near_and_no_hole():
    points = np.random.default_rng(1).uniform(0, 3, (4000, 3)) * [1, 1, 0]
    left = thinned(points, 0.2, seed=3)
    apart = np.linalg.norm(left[:, None] - left, axis=-1) + 10 * np.eye(len(left))
    assert apart.min() > 0.2
    assert np.linalg.norm(points[:, None] - left, axis=-1).min(axis=1).max() <= 0.2
    assert np.array_equal(left, thinned(points, 0.2, seed=3))


def test_nothing_found_is_as_far_off_as_can_be():
    assert surface_metrics(np.zeros((0, 3)), scan()) == {"accuracy": 20, "completeness": 20, "overall": 20}


def test_points_outside_the_box_are_not_measured():
    corners = np.array([[0.0, 0, 0], [100, 100, 100]])  # two steps of 60 mm
    points = np.array([[-1.0, 0, 0], [119, 0, 0], [121, 0, 0]])
    assert nearest_distances(points, lifted(points, 2), corners) == pytest.approx([FARTHEST, 2, FARTHEST])
