"""Standard deviations of adjusted cameras against those of many adjustments."""

import numpy as np
import pytest
from dust3r.core.adjustment.covariance import camera_spread
from dust3r.core.geometry.camera import project
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
NOISE = 0.5


def world2cam(angle):
    """A camera 4 away from the origin that looks at it, seen from `angle`, degrees."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("y", angle, degrees=True).as_matrix()
    pose[2, 3] = 4
    return pose


def scene(angles, count, seed=0):
    """Poses, points, and every point's pixels in all photos: (photo, pixel, point)."""
    random = np.random.default_rng(seed)
    poses = np.stack([world2cam(angle) for angle in angles])
    points = random.uniform(-1, 1, (count, 3))
    pixel = np.concatenate([project(points, K, np.linalg.inv(pose))[0] for pose in poses])
    photo, point = np.repeat(np.arange(len(poses)), count), np.tile(np.arange(count), len(poses))
    return poses, points, photo, pixel, point


def adjusted(poses, points, photo, pixel, point):
    """Cameras after a bundle adjustment of poses and points that ends nearest to the true ones."""
    count = len(poses)

    def moved(values):
        shifts, turns = np.hsplit(values[: 6 * count].reshape(count, 6), 2)
        rotations = Rotation.from_rotvec(turns).as_matrix()
        cameras = poses.copy()
        cameras[:, :3, :3] = rotations @ poses[:, :3, :3]
        cameras[:, :3, 3] = np.einsum("nij,nj->ni", rotations, poses[:, :3, 3]) + shifts
        return cameras, points + values[6 * count :].reshape(-1, 3)

    def errors(values):
        cameras, at = moved(values)
        local = np.einsum("mij,mj->mi", cameras[photo, :3, :3], at[point]) + cameras[photo, :3, 3]
        shown = local[:, :2] / local[:, 2:] * 500 + K[:2, 2]
        return (shown - pixel).ravel()

    found = least_squares(errors, np.zeros(6 * count + points.size), method="trf", x_scale=1.0, tr_solver="exact")
    return moved(found.x)[0]


def displacement(cameras, poses, unit):
    """(N, 6): shifts, of the unit, and turns that lead from poses to cameras, each in its camera's axes."""
    turn = cameras[:, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1)
    shift = cameras[:, :3, 3] - np.einsum("nij,nj->ni", turn, poses[:, :3, 3])
    return np.column_stack([shift / unit, Rotation.from_matrix(turn).as_rotvec()])


def moves_of_the_world(poses, unit):
    """(7, 6 N): an orthonormal basis of what small motions and scalings of the whole world do to the cameras."""
    basis = []
    for axis in range(7):
        move = np.eye(4)
        if axis < 3:
            move[axis, 3] = 1e-6
        elif axis < 6:
            move[:3, :3] = Rotation.from_rotvec(1e-6 * np.eye(3)[axis - 3]).as_matrix()
        moved = poses @ move
        if axis == 6:
            moved[:, :3, 3] *= 1 + 1e-6
        basis.append(displacement(moved, poses, unit).ravel())
    return np.linalg.qr(np.array(basis).T)[0].T


def test_the_spread_is_that_of_many_adjustments():
    poses, points, photo, pixel, point = scene((-20, 0, 25), 10)
    unit = np.median(np.concatenate([points @ pose[2, :3] + pose[2, 3] for pose in poses]))
    basis, random = moves_of_the_world(poses, unit), np.random.default_rng(1)
    moves, stated = [], []
    for _ in range(40):
        noisy = pixel + random.normal(0, NOISE, pixel.shape)
        move = displacement(adjusted(poses, points, photo, noisy, point), poses, unit).ravel()
        moves.append(move - basis.T @ (basis @ move))
        stated.append(camera_spread(poses, np.stack([K] * 3), photo, noisy, point, points))
    turns = np.degrees(np.array(moves).reshape(-1, 3, 6)[:, :, 3:])
    shifts = np.array(moves).reshape(-1, 3, 6)[:, :, :3]
    for found, told in ((turns, [one.turn for one in stated]), (shifts, [one.shift for one in stated])):
        spread = [np.sqrt(np.linalg.eigvalsh(np.cov(found[:, k].T))[-1]) for k in range(3)]
        assert np.mean(told, axis=0) == pytest.approx(spread, rel=0.3)


def test_more_points_and_less_noise_make_cameras_more_certain():
    def spread(count, noise):
        poses, points, photo, pixel, point = scene((-20, 0, 25), count)
        noisy = pixel + np.random.default_rng(2).normal(0, noise, pixel.shape)
        return camera_spread(poses, np.stack([K] * 3), photo, noisy, point, points)

    few, many, exact = spread(40, 0.5), spread(640, 0.5), spread(40, 0.05)
    assert few.turn / many.turn == pytest.approx(4, rel=0.4)
    assert few.shift / many.shift == pytest.approx(4, rel=0.4)
    assert few.turn / exact.turn == pytest.approx(10, rel=0.1)


def test_the_spread_does_not_depend_on_the_worlds_unit_or_place():
    poses, points, photo, pixel, point = scene((-20, 0, 25), 60)
    noisy = pixel + np.random.default_rng(3).normal(0, 0.5, pixel.shape)
    here = camera_spread(poses, np.stack([K] * 3), photo, noisy, point, points)
    move = world2cam(70)
    moved = poses @ np.linalg.inv(move)
    moved[:, :3, 3] *= 7
    there = camera_spread(moved, np.stack([K] * 3), photo, noisy, point, 7 * (points @ move[:3, :3].T + move[:3, 3]))
    assert there.turn == pytest.approx(here.turn, rel=1e-4)
    assert there.shift == pytest.approx(here.shift, rel=1e-4)


def test_a_photo_without_a_place_has_no_spread_and_changes_none():
    poses, points, photo, pixel, point = scene((-20, 0, 25), 60)
    noisy = pixel + np.random.default_rng(3).normal(0, 0.5, pixel.shape)
    alone = camera_spread(poses, np.stack([K] * 3), photo, noisy, point, points)
    more = np.concatenate([poses, np.full((1, 4, 4), np.nan)])
    found = camera_spread(more, np.stack([K] * 4), photo, noisy, point, points)
    assert np.isnan(found.turn[3]) and np.isnan(found.shift[3])
    assert found.turn[:3] == pytest.approx(alone.turn)
