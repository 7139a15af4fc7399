"""How many matches agree with given cameras."""

import numpy as np
import pytest
from dust3r.core.adjustment.support import agreeing, support
from dust3r.core.features.matching import Matches, PairMatches

K = np.array([[500.0, 0, 320], [0, 500.0, 240], [0, 0, 1]])


def pose(x=0.0):
    """world2cam of a camera at (x, 0, 0) that looks along z."""
    found = np.eye(4)
    found[0, 3] = -x
    return found


def seen(points, world2cam):
    camera = points @ world2cam[:3, :3].T + world2cam[:3, 3]
    return camera[:, :2] / camera[:, 2:] * 500 + [320, 240]


@pytest.fixture
def points():
    return np.random.default_rng(0).uniform([-2, -2, 4], [2, 2, 9], (50, 3))


def test_true_matches_agree_with_true_cameras(points):
    assert agreeing(seen(points, pose()), seen(points, pose(1)), pose(1), K, K, 1e-6).all()


def test_a_match_agrees_up_to_the_error_across_its_epipolar_line(points):
    first, second = seen(points, pose()), seen(points, pose(1))
    for off, near in ((2.7, True), (2.9, False)):  # half on either side: 2 px of Sampson's distance are 2.83 px in one
        assert agreeing(first, second + np.array([0, off]), pose(1), K, K, 2.0).all() == near


def test_a_match_whose_rays_meet_behind_the_cameras_does_not_agree(points):
    assert not agreeing(seen(points, pose()), seen(points, pose(1)), pose(-1), K, K, 4.0).any()


def test_cameras_in_one_place_agree_with_matches_of_a_turn_alone(points):
    turn = np.eye(4)
    turn[:3, :3] = [[np.cos(0.1), 0, np.sin(0.1)], [0, 1, 0], [-np.sin(0.1), 0, np.cos(0.1)]]
    first = seen(points, pose())
    assert agreeing(first, seen(points, turn), turn, K, K, 1e-6).all()
    assert not agreeing(first, first, turn, K, K, 4.0).any()


def test_support_counts_the_matches_of_both_photos_and_nothing_of_a_photo_without_a_place(points):
    poses = np.stack([pose(), pose(1), pose(2)])
    keypoints = tuple(seen(points, one).astype(np.float32) for one in poses)
    whole = np.repeat(np.arange(50, dtype=np.uint32)[:, None], 2, axis=1)
    matches = Matches(keypoints, tuple(PairMatches(i, j, whole, None) for i, j in ((0, 1), (0, 2), (1, 2))))
    cameras = np.stack([K] * 3)
    assert support(matches, poses, cameras, 0.1).tolist() == [100, 100, 100]
    poses[2] = np.nan
    assert support(matches, poses, cameras, 0.1).tolist() == [50, 50, 0]
