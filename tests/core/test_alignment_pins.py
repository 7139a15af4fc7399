"""What is known beforehand: focals, groups, poses, and earlier solutions."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment.canonical import SPREAD_UNKNOWN, _focal, _informed, _share
from dust3r.core.alignment.known import PINNED, check_depth, focal_groups, gather, into_known_world
from dust3r.core.errors import InputError
from dust3r.core.known_camera import KnownCamera
from dust3r.core.placement import Placement

from .alignment_worlds import poses, world_of


def pins_of(count, group=None, before=None, **known):
    """Pins of photos; known: by photo ("p0", ...) its KnownCamera."""
    cameras = [known.get(f"p{k}") for k in range(count)]
    return gather(cameras, before, np.arange(count) if group is None else np.array(group))


def test_photos_of_a_group_share_the_median_of_their_focals_weighted_by_certainty():
    focal, spread = np.array([100.0, 110, 150, 70]), np.array([0.1, 0.02, 0.1, 0.3])
    found, sure = _share(focal, spread, pins_of(4, [0, 0, 0, 3]))
    assert found.tolist() == [110, 110, 110, 70]
    assert sure == pytest.approx([*[np.mean(spread[:3]) / np.sqrt(3)] * 3, 0.3])
    pinned = pins_of(4, [0, 0, 0, 3], p2=KnownCamera(focal=150.0))
    found, sure = _share(focal, np.array([0.1, 0.02, PINNED, 0.3]), pinned)
    assert found.tolist() == [150, 150, 150, 70]
    assert sure.tolist() == [PINNED, PINNED, PINNED, 0.3]


def test_a_focal_that_nothing_shows_is_the_longer_side():
    _, observations = world_of()
    nothing = np.zeros((2, 6, 3)), np.zeros((2, 6))
    assert _focal(observations, 1, np.zeros(2), *nothing) == (40.0, SPREAD_UNKNOWN)


def test_photos_share_focals_by_size_lens_or_not_at_all():
    sizes, lenses = [(4, 3), (3, 4), (4, 3)], ["a", None, "a"]
    assert focal_groups("off", sizes, lenses).tolist() == [0, 1, 2]
    assert focal_groups("size", sizes, lenses).tolist() == [0, 1, 0]
    assert focal_groups("exif", sizes, [None, None, "a"]).tolist() == [0, 1, 2]
    assert focal_groups("exif", sizes, lenses).tolist() == [0, 1, 0]


def test_what_is_held_is_the_known_poses_and_of_photo_0_the_scale_where_nothing_else_fixes_it():
    assert pins_of(3).held.tolist() == [[True] * 7, [False] * 7, [False] * 7]
    pose = np.eye(4)
    one = pins_of(3, p1=KnownCamera(pose))
    assert one.held.tolist() == [[False] * 7, [True] * 7, [False] * 7] and not one.scaled
    aside = pose.copy()
    aside[0, 3] = 2
    two = pins_of(3, p1=KnownCamera(pose), p2=KnownCamera(aside))
    assert two.scaled
    assert two.held.tolist() == [[False] * 7, [True] * 6 + [False], [True] * 6 + [False]]
    same = pins_of(3, p0=KnownCamera(aside), p2=KnownCamera(aside))
    assert not same.scaled and same.held[0, 6] and not same.held[2, 6]


def test_an_earlier_solution_is_begun_with_where_half_of_the_photos_were_in_it():
    place = Placement(np.diag([1.0, 1, 1, 1]), 6.0, 0)
    assert set(pins_of(4, before=[place, None, place, None]).start(np.full(4, 2.0))) == {0, 2}
    assert pins_of(4, before=[place, None, None, None]).start(np.full(4, 2.0)) == {}
    assert pins_of(4, before=[place, None, place, None]).start(np.full(4, 2.0))[2].scale == 3
    other = replace(place, component=1)
    assert set(pins_of(3, before=[other, place, other]).start(np.ones(3))) == {0, 2}  # of the larger world alone


def test_known_poses_are_met_exactly_and_the_rest_follows():
    truth = poses(5, 3)
    pose = [np.eye(4) for _ in range(5)]
    for n in range(5):
        pose[n][:3, :3], pose[n][:3, 3] = truth.R[n], truth.translation[n]
    moved = poses(1, 9)[0].compose(truth)
    found = into_known_world(
        moved, pins_of(5, p1=KnownCamera(pose[1]), p3=KnownCamera(pose[3]), p4=KnownCamera(pose[4]))
    )
    assert found.scale == pytest.approx(truth.scale)
    assert pytest.approx(truth.R, abs=1e-9) == found.R
    assert found.translation == pytest.approx(truth.translation, abs=1e-9)
    assert (found.R[3] == pose[3][:3, :3]).all() and (found.translation[3] == pose[3][:3, 3]).all()
    alone = into_known_world(moved, pins_of(5, p1=KnownCamera(pose[1])))
    assert alone.scale == pytest.approx(moved.scale)  # one pose fixes no scale


def test_depths_beyond_all_reason_for_how_far_cameras_stand_apart_are_refused():
    aside = np.eye(4)
    aside[0, 3] = 2
    pins = pins_of(2, p0=KnownCamera(np.eye(4)), p1=KnownCamera(aside))
    check_depth(np.full((2, 5), 0.9e6), pins)
    with pytest.raises(InputError, match="no shift"):
        check_depth(np.full((2, 5), 1.1e6), pins)
    check_depth(np.full((2, 5), 1.1e6), pins_of(2, p0=KnownCamera(np.eye(4)), p1=KnownCamera(np.eye(4))))


def test_a_roughly_known_focal_is_averaged_in_by_certainty_and_an_exact_one_taken():
    pins = pins_of(3, p1=KnownCamera(focal=120.0, focal_spread=0.05), p2=KnownCamera(focal=90.0))
    focal, spread = _informed(np.array([100.0, 100, 100]), np.array([0.1, 0.1, 0.1]), pins)
    seen, known = 1 / 0.1**2, 1 / 0.05**2
    mean = np.exp((seen * np.log(100) + known * np.log(120)) / (seen + known))
    assert focal == pytest.approx([100, mean, 90])
    assert spread == pytest.approx([0.1, (seen + known) ** -0.5, PINNED])
    assert pins.focal_pinned.tolist() == [False, False, True]
