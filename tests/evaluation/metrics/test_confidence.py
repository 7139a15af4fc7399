"""What confidence says of errors."""

import numpy as np
import pytest
from dust3r.evaluation.metrics.confidence import ConfidenceBin, confidence_bins


def test_bins_go_from_the_least_sure_to_the_surest_with_the_error_of_each():
    confidence = np.array([5.0, 1.0, 3.0, 4.0, 2.0, 6.0])
    found = confidence_bins(confidence, 0.6 / confidence, count=3)
    assert [part.confidence for part in found] == [1.5, 3.5, 5.5]
    assert [part.error for part in found] == pytest.approx([45.0, 17.5, 11.0])


def test_an_error_that_confidence_does_not_tell_is_alike_in_all_bins():
    rng = np.random.default_rng(0)
    found = confidence_bins(rng.uniform(1, 10, 50_000), rng.uniform(0, 0.2, 50_000))
    assert len(found) == 5 and all(part.error == pytest.approx(10, abs=0.5) for part in found)


def test_fewer_pixels_than_bins_are_a_bin_each():
    assert confidence_bins(np.array([2.0]), np.array([0.1])) == (ConfidenceBin(2.0, pytest.approx(10.0)),)
