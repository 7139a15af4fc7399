"""What is known beforehand: focals, groups, poses, and earlier solutions."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment.canonical import SPREAD_OF_ONE, SPREAD_UNKNOWN, canonical_pointmaps
from dust3r.core.alignment.estimate import Placement
from dust3r.core.alignment.known import PINNED, check_depth, focal_groups, into_known_world
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.errors import InputError
from dust3r.tests.aligning import gather

from .alignment_worlds import maps_with_focals, poses

POSE = np.array([[0.0, -1, 0, 4], [1, 0, 0, 5], [0, 0, 1, 6], [0, 0, 0, 1]])


def pins_of(count, group=None, warm_start=None, **known):
    """Pins of photos; known: by photo ("p0", ...) its KnownCamera."""
    cameras = [known.get(f"p{k}") for k in range(count)]
    return gather(cameras, warm_start, np.arange(count) if group is None else np.array(group))


def seen_focals(pins, *focals):
    """(focals, spreads) where the photos' own pointmaps show these, each to a hundredth."""
    found = canonical_pointmaps(
        maps_with_focals(focals), np.tile([20.0, 15.0], (len(focals), 1)), pins, 0, lambda: None
    )
    return found.focal, found.focal_spread


def test_photos_of_a_group_share_the_median_of_their_focals():
    focal, spread = seen_focals(pins_of(4, [0, 0, 0, 3]), 100, 110, 150, 70)
    assert focal == pytest.approx([110, 110, 110, 70])
    assert spread == pytest.approx([*[SPREAD_OF_ONE / np.sqrt(3)] * 3, SPREAD_OF_ONE])


def test_photos_of_a_group_share_the_focal_that_is_known_of_one_of_them():
    focal, spread = seen_focals(pins_of(4, [0, 0, 0, 3], p2=KnownCamera(focal=155.0)), 100, 110, 150, 70)
    assert focal == pytest.approx([155, 155, 155, 70])
    assert spread == pytest.approx([PINNED, PINNED, PINNED, SPREAD_OF_ONE])


def test_a_roughly_known_focal_is_averaged_in_by_certainty_and_an_exact_one_taken():
    pins = pins_of(3, p1=KnownCamera(focal=101.0, focal_spread=0.02), p2=KnownCamera(focal=90.0))
    focal, spread = seen_focals(pins, 100, 100, 100)
    seen, known = 1 / SPREAD_OF_ONE**2, 1 / 0.02**2
    mean = np.exp((seen * np.log(100) + known * np.log(101)) / (seen + known))
    assert focal == pytest.approx([100, mean, 90])
    assert spread == pytest.approx([SPREAD_OF_ONE, (seen + known) ** -0.5, PINNED])
    assert pins.focal_pinned.tolist() == [False, False, True]


def test_a_focal_that_nothing_shows_is_the_longer_side():
    nothing = replace(maps_with_focals([50.0, 60.0]), weight=np.zeros((2, 2, 12)))
    found = canonical_pointmaps(nothing, np.tile([20.0, 15.0], (2, 1)), pins_of(2), 0, lambda: None)
    assert found.focal.tolist() == [40, 40] and not found.known.any()
    assert (found.focal_spread == SPREAD_UNKNOWN).all()


def test_what_is_not_known_is_0_or_the_identity_or_no_number():
    pins = pins_of(2, p1=KnownCamera(POSE, 50.0, (3.0, 4.0)))
    assert pins.principal_point.tolist() == [[0, 0], [3, 4]] and pins.centred.tolist() == [False, True]
    assert (pins.cam2world == [np.eye(4), POSE]).all() and pins.posed.tolist() == [False, True]
    assert np.isnan(pins.focal[0]) and pins.focal[1] == 50


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
    assert set(pins_of(4, warm_start=[place, None, place, None]).start(np.full(4, 2.0))) == {0, 2}
    assert pins_of(4, warm_start=[place, None, None, None]).start(np.full(4, 2.0)) == {}
    assert pins_of(4, warm_start=[place, None, place, None]).start(np.full(4, 2.0))[2].scale == 3
    other = replace(place, component=1)
    assert set(pins_of(3, warm_start=[other, place, other]).start(np.ones(3))) == {0, 2}  # of the larger world alone


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
    at = [np.eye(4) for _ in range(3)]
    at[2][0, 3] = 3  # two at 0 and one at 3: the furthest is 2 from the middle of all
    pins = pins_of(3, **{f"p{k}": KnownCamera(pose) for k, pose in enumerate(at)})
    check_depth(np.full((3, 5), 1.9e6), pins)
    with pytest.raises(InputError, match="no shift"):
        check_depth(np.full((3, 5), 2.1e6), pins)
    check_depth(np.full((3, 5), 2.1e6), pins_of(3, p0=KnownCamera(at[0]), p1=KnownCamera(at[1])))
