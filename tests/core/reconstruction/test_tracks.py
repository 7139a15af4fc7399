"""Tracks from files are taken only where they can be what we write there."""

import numpy as np
import pytest
from dust3r.core.io.atomic import DAMAGED_ARRAYS
from dust3r.core.reconstruction.tracks import Tracks

POINTS = np.array([[0.0, 0, 1], [1, 0, 2], [0, 1, 3]])
TRACKS = Tracks(
    POINTS,
    view=np.array([0, 0, 1, 1, 2, 2], np.int32),
    pixel=np.arange(12, dtype=np.float32).reshape(6, 2),
    point=np.array([0, 1, 0, 2, 1, 2], np.int32),
)


def test_what_is_written_is_read_back_the_same():
    again = Tracks.from_bytes(TRACKS.to_bytes(), 3)
    for name, array in TRACKS.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


@pytest.mark.parametrize(
    "name, array",
    [
        ("points", np.zeros((3, 2))),
        ("points", np.full((3, 3), np.nan)),
        ("points", np.zeros((4, 3))),
        ("view", np.array([0, 0, 1, 1, 2, 3], np.int32)),
        ("view", np.array([0, 1, 0, 1, 2, 2], np.int32)),
        ("view", np.array([0, 0, 1, 1, 2], np.int32)),
        ("view", np.zeros(6)),
        ("pixel", np.zeros((6, 3), np.float32)),
        ("point", np.array([0, 1, 0, 2, 1, 3], np.int32)),
        ("point", np.array([0, 1, 0, 2, -1, 2], np.int32)),
        ("point", np.array([0, 1, 0, 0, 1, 2], np.int32)),
    ],
)
def test_arrays_that_fit_no_tracks_are_refused(name, array):
    with pytest.raises(ValueError, match=r"^tracks: "):
        Tracks.from_arrays(TRACKS.arrays() | {name: array}, 3)


@pytest.mark.parametrize("content", [b"", b"PK", TRACKS.to_bytes()[:-30]])
def test_damaged_bytes_are_refused(content):
    with pytest.raises(DAMAGED_ARRAYS):
        Tracks.from_bytes(content, 3)


def test_of_some_photos_only_what_two_of_them_see_is_left():
    some = TRACKS.of_views([2, 0])
    np.testing.assert_array_equal(some.points, POINTS[1:2])
    np.testing.assert_array_equal(some.view, [0, 1])
    np.testing.assert_array_equal(some.pixel, TRACKS.pixel[[4, 1]])
    assert TRACKS.of_views([1]) is None
