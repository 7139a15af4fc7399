"""A pixel's point and its places in the other photos, where both are known by formula."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.geometry.camera import project
from dust3r.core.quality.reprojection import sightings
from dust3r.core.reconstruction.depth_sampling import depth_at, point_at
from dust3r.tests.core.cleanup_scene import make_view, room_views


def wall(offset=0.0, depth=2.0, **more):
    """A wall seen head-on in 64 by 48 pixels, focal 64."""
    pose = np.eye(4)
    pose[0, 3] = offset
    return make_view(np.full((48, 64), depth), cam2world=pose, **more)


def test_the_point_under_a_pixel_is_where_its_ray_meets_the_wall():
    point = point_at(wall(0.5), (40.25, 10.5))
    np.testing.assert_allclose(point, [0.5 + 2 * (40.25 - 32) / 64, 2 * (10.5 - 24) / 64, 2], atol=1e-6)


def test_the_same_point_is_marked_in_every_photo_that_shows_it():
    views = [wall(offset) for offset in (0.0, 0.1, -0.2, 0.3)]
    point = point_at(views[0], (31.3, 40.7))
    found = sightings(views, point)
    assert [one.view for one in found if one.visible] == [0, 1, 2, 3]
    for one, offset in zip(found, (0.0, 0.1, -0.2, 0.3), strict=True):
        assert one.pixel == pytest.approx((31.3 - 64 * offset / 2, 40.7), abs=1e-5)
        assert one.depth == pytest.approx(2, abs=1e-6)


def test_of_a_room_with_furniture_the_photos_that_see_a_point_are_those_whose_own_depth_says_so():
    views = room_views(4)
    told = {True: 0, False: 0}
    for pixel in np.random.RandomState(0).uniform((2, 2), (110, 78), (40, 2)):
        point = point_at(views[0], tuple(pixel))
        for one in sightings(views, point):
            assert np.allclose(one.pixel, project(point[None], views[one.view].K, views[one.view].cam2world)[0][0])
            near = depth_at(views[one.view], np.array([one.pixel]))[0]
            assert one.visible == (one.depth <= 1.05 * near)
            told[one.visible] += 1
    assert min(told.values()) > 10


def test_a_photo_in_which_something_nearer_is_there_hides_the_point():
    point = point_at(wall(), (32, 24))
    views = [wall(0.2), wall(0.2, 1.0), wall(0.2, 3.0), wall(0.2, 1.95)]
    assert [one.visible for one in sightings(views, point)] == [True, False, True, True]
    assert not sightings([wall(0.2, 1.95)], point, tolerance=0.01)[0].visible


def test_photos_that_look_elsewhere_behind_or_in_another_world_do_not_have_the_point():
    point, behind = point_at(wall(), (32, 24)), np.diag([-1.0, 1, -1, 1])
    views = [wall(), wall(30.0), replace(wall(), cam2world=behind), replace(wall(), component=1)]
    assert [one.view for one in sightings(views, point)] == [0]
    assert [one.view for one in sightings(views, point, component=1)] == [3]


def test_a_photo_without_depth_there_says_nothing_about_it():
    assert not sightings([wall(mask=np.zeros((48, 64), bool))], np.array([0, 0, 2.0]))[0].visible


@pytest.mark.parametrize("pixel", [(-1, 5), (64.5, 5), (5, 48.1), (float("nan"), 3)])
def test_a_pixel_without_a_point_is_refused_with_a_sentence(pixel):
    with pytest.raises(InputError, match="shows no point at pixel"):
        point_at(wall(), pixel)


def test_a_pixel_whose_point_is_hidden_is_refused():
    with pytest.raises(InputError, match="show more points"):
        point_at(wall(), (10, 10), min_confidence=6.0)
