"""Models of parts of the photos, brought into one world."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.adjustment.mapping import Model, StartCamera
from dust3r.core.adjustment.merging import between, merge, parts
from dust3r.core.adjustment.settings import AdjustmentSettings
from dust3r.core.geometry.rotation import rotation_from_vector

SETTINGS = AdjustmentSettings(well_seen=4, photo_matches=2)
K = np.array([[700.0, 0, 400], [0, 700, 300], [0, 0, 1]])


def cameras(count, seed=0):
    """world2cam (count, 4, 4) at random."""
    rng = np.random.default_rng(seed)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = rotation_from_vector(rng.normal(size=(count, 3)))
    poses[:, :3, 3] = rng.normal(size=(count, 3))
    return poses


def elsewhere(world2cam, scale=2.5):
    """The same cameras in another world."""
    R = rotation_from_vector(np.array([0.3, -0.8, 0.5]))
    cam2world = np.linalg.inv(world2cam)
    cam2world[:, :3, :3] = R @ cam2world[:, :3, :3]
    cam2world[:, :3, 3] = scale * cam2world[:, :3, 3] @ R.T + [1.0, 2.0, 3.0]
    return np.linalg.inv(cam2world)


def part(photos, true, count, focal=700.0):
    """A model of some photos in a world of its own; every one of them sees the same five points."""
    world2cam = np.full((count, 4, 4), np.nan)
    world2cam[photos] = elsewhere(true[photos], scale=0.4)
    photo = np.repeat(photos, 5)
    point = np.tile(np.arange(5), len(photos))
    matrices = np.tile(np.diag([focal / 700, focal / 700, 1.0]) @ K, (count, 1, 1))
    return Model(world2cam, matrices, photo, np.zeros((len(photo), 2)), point, np.zeros((5, 3)))


def starts(true):
    return [StartCamera(800, 600, camera=0, K=K, world2cam=pose) for pose in true]


def places(found):
    return np.stack([camera.world2cam for camera in found])


def test_common_points_join_photos_in_chains_and_the_largest_part_is_the_first():
    photo = np.array([0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4])
    point = np.array([0, 1, 0, 1, 2, 3, 2, 3, 3, 4, 5, 4, 6, 7, 8, 9, 10])
    assert parts(photo, point, 6, least=2).tolist() == [0, 0, 0, 2, 1, 3]
    assert parts(photo, point, 6, least=1).tolist() == [0, 0, 0, 0, 0, 1]


def test_the_similarity_between_two_worlds_is_found_by_their_common_cameras_though_one_is_wrong():
    true = cameras(6)
    other = elsewhere(true)
    off = other.copy()
    off[2, :3, 3] += 0.3
    found = between(dict(enumerate(true)), dict(enumerate(off)) | {8: true[0]})
    assert found is not None and found.scale == pytest.approx(2.5)
    centres = np.linalg.inv(true)[:, :3, 3]
    assert np.allclose(found.apply(centres), np.linalg.inv(other)[:, :3, 3])


@pytest.mark.parametrize("common", [{}, {0: np.eye(4)}, {0: np.eye(4), 1: np.eye(4)}])
def test_one_camera_or_cameras_in_one_place_tell_no_similarity(common):
    assert between(common, common) is None


def test_parts_without_common_photos_are_placed_as_the_network_places_them():
    true = cameras(7)
    found = merge(starts(true), [part([0, 1, 2], true, 7, focal=900), part([3, 4, 5], true, 7)], SETTINGS)
    assert found is not None
    assert np.allclose(places(found[:6]), true[:6])
    assert [camera.K[0, 0] for camera in found[:6]] == pytest.approx([900] * 3 + [700] * 3)
    assert found[6].world2cam is None


def test_parts_with_common_photos_are_joined_by_these_whatever_the_network_says():
    true = cameras(6)
    wrong = starts([*true[:4], *cameras(2, seed=5)])
    found = merge(wrong, [part([0, 1, 2, 3], true, 6), part([2, 3, 4, 5], true, 6)], SETTINGS)
    assert found is not None and np.allclose(places(found), true)


def test_one_model_of_all_that_any_has_needs_no_merging():
    true = cameras(4)
    whole = part([0, 1, 2, 3], true, 4)
    assert merge(starts(true), [whole, part([1, 2], true, 4)], SETTINGS) is None
    assert merge(starts(true), [], SETTINGS) is None


def test_a_part_whose_photos_the_network_placed_in_no_common_world_is_left_out():
    true = cameras(6)
    start = [replace(camera, world2cam=None) if k > 3 else camera for k, camera in enumerate(starts(true))]
    found = merge(start, [part([0, 1], true, 6), part([4, 5], true, 6), part([2, 3], true, 6)], SETTINGS)
    assert found is not None and [camera.world2cam is None for camera in found] == [False] * 4 + [True] * 2


def test_photos_that_the_model_itself_hardly_sees_or_holds_apart_do_not_come_from_it():
    true = cameras(6)
    model = part([0, 1, 2, 3], true, 6)
    apart = replace(model, point=np.where(model.photo >= 2, model.point + 5, model.point), points=np.zeros((10, 3)))
    found = merge(starts(true), [apart, part([4, 5], true, 6)], SETTINGS)
    assert found is not None and [camera.world2cam is None for camera in found] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]
