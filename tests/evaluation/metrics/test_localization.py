"""Medians and recalls of placed photos against a list short enough to count."""

import numpy as np
import pytest
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.evaluation.metrics.localization import localization_metrics, placement_error


def test_medians_and_recalls_are_counted_by_hand():
    metres = np.array([0.01, 0.04, 0.2, 0.4, np.inf])
    degrees = np.array([0.5, 6.0, 1.0, 4.0, np.inf])
    assert localization_metrics(metres, degrees) == pytest.approx(
        {
            "median_cm": 20,
            "median_deg": 4,
            "recall_5cm_5deg": 20,  # the second is turned too far
            "recall_25cm_2deg": 40,
            "recall_50cm_5deg": 60,
            "recall_500cm_10deg": 80,
        }
    )


def test_a_photo_is_off_by_its_shift_and_its_turn():
    true, found = np.eye(4), np.eye(4)
    found[:3, :3], found[:3, 3] = rotation_from_vector(np.radians([0, 30, 0])), [0.3, 0, 0.4]
    assert placement_error(found, true) == pytest.approx((0.5, 30))


def test_most_photos_lost_leave_an_infinite_median():
    lost = np.array([0.1, np.inf, np.inf])
    assert localization_metrics(lost, lost)["median_cm"] == np.inf
