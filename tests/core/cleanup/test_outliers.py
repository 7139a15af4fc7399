"""Points far outside the scene."""

from dataclasses import replace

import numpy as np
from dust3r.core.cleanup.find import find_flaws
from dust3r.core.flaws import FLAWS
from dust3r.tests.core.cleanup_scene import make_view, room_views


def outliers(views):
    return [flaws & FLAWS["outliers"].bit != 0 for flaws in find_flaws(views)]


def test_a_room_has_none():
    assert not any(map_.any() for map_ in outliers(room_views()))


def test_points_a_hundred_rooms_away_are_found_alone():
    views = room_views()
    depth, wild = views[0].depth.copy(), np.zeros(views[0].depth.shape, bool)
    wild[5:9, 20:50] = True
    depth[wild] = 600.0
    found = outliers([replace(views[0], depth=depth), *views[1:]])
    np.testing.assert_array_equal(found[0], wild)
    assert not any(map_.any() for map_ in found[1:])


def test_a_landscape_that_reaches_far_with_many_points_has_none():
    row = np.arange(96)[:, None] + np.zeros((96, 128))
    ground = 150 / (row - 20).clip(1)  # a plain from 2 to 150 metres, and hills
    assert not outliers([make_view(np.minimum(ground, 60))])[0].any()


def test_what_another_photo_confirms_is_none_however_far():
    far = np.full((96, 128), 2.0)
    far[:8, 40:80] = 500.0
    views = [make_view(far), make_view(far)]
    assert not any(map_.any() for map_ in outliers(views))
    assert outliers(views[:1])[0][:8, 40:80].all()


def test_the_size_and_place_of_the_world_do_not_matter():
    views = room_views()
    views[0].depth[5:9, 20:50] = 600.0
    moved = []
    for view in views:
        pose = view.cam2world.copy()
        pose[:3, 3] = 1000 * pose[:3, 3] + 5e4
        moved.append(replace(view, depth=view.depth * 1000, cam2world=pose))
    assert outliers(views)[0].sum() == outliers(moved)[0].sum() == 4 * 30


def test_worlds_of_their_own_are_judged_by_themselves():
    near = make_view(np.full((20, 20), 1.0))
    far = make_view(np.full((20, 20), 1e5), component=1)
    assert not any(map_.any() for map_ in outliers([near, near, near, far]))


def test_photos_without_points_are_no_trouble():
    empty = make_view(np.full((20, 20), np.nan))
    assert not find_flaws([empty, empty])[0].any()
    masked = make_view(np.ones((20, 20)), mask=np.zeros((20, 20), bool))
    assert not find_flaws([masked])[0].any()
