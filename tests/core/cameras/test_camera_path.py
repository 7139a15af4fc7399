"""A way through cameras: exact where it must be, smooth between, the same from wherever it is looked at."""

import numpy as np
import pytest
from dust3r.core.cameras.camera_path import along, closed, even_times, path_through, smoothed
from dust3r.core.errors import InputError
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector

SIZE = (640, 480)


def poses(turns, places):
    found = np.tile(np.eye(4), (len(turns), 1, 1))
    found[:, :3, :3], found[:, :3, 3] = rotation_from_vector(np.asarray(turns, float)), places
    return found


def lenses(focals, size=SIZE, centre=None):
    K = np.zeros((len(focals), 3, 3))
    K[:, 0, 0] = K[:, 1, 1] = focals
    K[:, :2, 2], K[:, 2, 2] = np.array(size) / 2 if centre is None else centre, 1
    return K


def way(turns, places, times, focals=None):
    focals = np.full(len(times), 500.0) if focals is None else focals
    return path_through(poses(turns, places), lenses(focals), np.tile(SIZE, (len(times), 1)), np.asarray(times, float))


@pytest.fixture
def wild():
    rng = np.random.default_rng(3)
    return way(rng.normal(size=(7, 3)), rng.normal(size=(7, 3)), [0, 5, 7, 20, 21, 30, 44], rng.uniform(300, 800, 7))


def test_the_way_leads_through_every_camera_at_its_time(wild):
    found = along(wild, wild.times)
    np.testing.assert_allclose(found.cam2world, wild.cam2world, atol=1e-9)
    np.testing.assert_allclose(found.K(SIZE), wild.K(SIZE), rtol=1e-12)


def test_nothing_jerks_place_turn_and_lens_have_one_speed_on_both_sides_of_a_camera(wild):
    step = 1e-5
    for time in wild.times[1:-1]:
        before, at, after = (along(wild, np.array([time + k * step])) for k in (-1, 0, 1))
        for name in ("cam2world", "lens"):
            a, b, c = (getattr(path, name)[0] for path in (before, at, after))
            np.testing.assert_allclose((b - a) / step, (c - b) / step, atol=1e-3)


def test_even_motion_stays_even_between_cameras():
    """A straight way at one speed, turning about one axis at one rate, zooming by one factor a frame."""
    times = np.array([0.0, 4, 10, 12, 30])
    turns, places = times[:, None] * [0, 0.05, 0], times[:, None] * [1, 2, -1]
    path = way(turns, places, times, 500 * 1.01**times)
    frames = np.linspace(0, 30, 61)
    found = along(path, frames)
    np.testing.assert_allclose(found.cam2world[:, :3, 3], frames[:, None] * [1, 2, -1], atol=1e-9)
    expected = rotation_from_vector(frames[:, None] * [0, 0.05, 0])
    assert rotation_angle(expected.swapaxes(1, 2) @ found.cam2world[:, :3, :3]).max() < 1e-9
    np.testing.assert_allclose(found.K(SIZE)[:, 0, 0], 500 * 1.01**frames)


def test_a_parabola_is_followed_exactly():
    times = np.array([0.0, 3, 4, 9])
    path = way(np.zeros((4, 3)), np.stack([times, times**2, 0 * times], 1), times)
    frames = np.linspace(0, 9, 19)
    np.testing.assert_allclose(along(path, frames).cam2world[:, 1, 3], frames**2, atol=1e-9)


def test_every_pose_is_rigid_even_where_cameras_look_opposite_ways():
    path = way([[0, 0, 0], [0, np.pi, 0], [np.pi, 0, 0]], np.eye(3), [0, 10, 20])
    R = along(path, np.linspace(0, 20, 81)).cam2world[:, :3, :3]
    np.testing.assert_allclose(R @ R.swapaxes(1, 2), np.tile(np.eye(3), (81, 1, 1)), atol=1e-9)
    assert rotation_angle(R[:-1].swapaxes(1, 2) @ R[1:]).max() < 0.4


def test_the_way_is_carried_along_by_any_move_of_the_world(wild):
    move = poses([[0.3, -2, 1]], [[4, 5, 6]])[0]
    frames = np.linspace(0, 44, 45)
    moved = path_through(move @ wild.cam2world, wild.K(SIZE), np.tile(SIZE, (7, 1)), wild.times)
    np.testing.assert_allclose(along(moved, frames).cam2world, move @ along(wild, frames).cam2world, atol=1e-9)


def test_before_and_after_the_cameras_it_stands_still(wild):
    found = along(wild, np.array([-10.0, 0, 44, 60]))
    np.testing.assert_allclose(found.cam2world[0], found.cam2world[1])
    np.testing.assert_allclose(found.cam2world[2], found.cam2world[3])


def test_two_cameras_are_joined_straight():
    found = along(way(np.zeros((2, 3)), [[0, 0, 0], [1, 2, 3]], [0, 4]), np.arange(5.0))
    np.testing.assert_allclose(found.cam2world[:, :3, 3], np.arange(5)[:, None] / 4 * [1, 2, 3], atol=1e-12)


def test_a_loop_ends_where_it_began_with_the_speed_it_began_with():
    angles = np.arange(8) * np.pi / 4
    path = way(
        angles[:, None] * [0, 1, 0], np.stack([np.sin(angles), 0 * angles, np.cos(angles)], 1), np.arange(8) * 10
    )
    loop = closed(path)
    frames = np.linspace(0, 80, 161)
    found = along(loop, frames, is_loop=True).cam2world
    np.testing.assert_allclose(found[0], found[-1], atol=1e-9)
    np.testing.assert_allclose(found[1] - found[0], found[-1] - found[-2], atol=0.005)
    assert np.abs(np.linalg.norm(found[:, :3, 3], axis=1) - 1).max() < 0.02  # as round as a circle


def test_smoothing_takes_noise_away_and_keeps_both_ends_and_a_straight_way():
    rng = np.random.default_rng(0)
    times = np.arange(40.0)
    clean = times[:, None] * [1, 0, 0]
    noisy = way(0.05 * rng.normal(size=(40, 3)), clean + 0.1 * rng.normal(size=(40, 3)), times)
    found = smoothed(noisy, 3)
    off = np.linalg.norm(found.cam2world[:, :3, 3] - clean, axis=1)[8:-8]
    assert off.mean() < 0.5 * np.linalg.norm(noisy.cam2world[:, :3, 3] - clean, axis=1)[8:-8].mean()
    assert (
        rotation_angle(found.cam2world[8:-8, :3, :3]).mean()
        < 0.5 * rotation_angle(noisy.cam2world[8:-8, :3, :3]).mean()
    )
    np.testing.assert_allclose(found.cam2world[[0, -1]], noisy.cam2world[[0, -1]], atol=1e-12)
    straight = way(times[:, None] * [0, 0.02, 0], clean, times)
    np.testing.assert_allclose(smoothed(straight, 3).cam2world, straight.cam2world, atol=1e-9)
    assert smoothed(straight, 0) is straight


def test_photos_of_other_sizes_keep_their_field_of_view_along_the_diagonal():
    sizes = np.array([[640, 480], [1280, 960], [480, 640]])
    K = np.concatenate([lenses([500], size) for size in sizes])
    K[1, :2, :2] *= 2
    found = path_through(poses(np.zeros((3, 3)), np.eye(3)), K, sizes, np.arange(3.0)).K(SIZE)
    np.testing.assert_allclose(found, np.tile(lenses([500.0])[0], (3, 1, 1)))


def test_even_times_go_with_the_root_of_the_distance_and_leave_no_camera_out():
    cameras = poses(np.zeros((4, 3)), [[0, 0, 0], [1, 0, 0], [5, 0, 0], [5, 0, 0]])
    times = even_times(cameras, 1, 101)
    assert times[0] == 1 and times[-1] == 101
    assert (times[2] - times[1]) / (times[1] - times[0]) == pytest.approx(2)
    assert (np.diff(times) > 0).all()
    np.testing.assert_allclose(even_times(poses(np.zeros((3, 3)), np.zeros((3, 3))), 0, 10), [0, 5, 10])
    assert even_times(poses(np.zeros((1, 3)), np.zeros((1, 3))), 3, 10) == [3]


def test_one_camera_and_times_that_do_not_rise_are_refused():
    with pytest.raises(InputError, match="two cameras at least"):
        way(np.zeros((1, 3)), np.zeros((1, 3)), [1])
    with pytest.raises(InputError, match="do not rise"):
        way(np.zeros((2, 3)), np.eye(3)[:2], [1, 1])
    with pytest.raises(InputError, match="do not rise"):
        way(np.zeros((3, 3)), np.eye(3), [1, 5, 4])


def test_cameras_in_one_place_are_a_twentieth_of_the_mean_time_apart():
    cameras = poses(np.zeros((4, 3)), [[0, 0, 0], [4, 0, 0], [20, 0, 0], [20, 0, 0]])
    np.testing.assert_allclose(even_times(cameras, 0, 61), [0, 20, 60, 61])  # steps of 2, 4 and 0.05 * 2
