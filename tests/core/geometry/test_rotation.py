"""Rotations: exponential, logarithm, angle."""

import numpy as np
import pytest
from dust3r.core.geometry.mean_turn import mean_turn
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector, rotation_vector


def test_a_quarter_turn_about_z_carries_x_to_y():
    assert rotation_from_vector(np.array([0, 0, np.pi / 2])) @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-15)


def test_the_logarithm_undoes_the_exponential():
    vectors = np.random.default_rng(0).normal(size=(5, 4, 3))
    vectors *= (np.random.default_rng(1).uniform(0, 3.1, (5, 4)) / np.linalg.norm(vectors, axis=-1))[..., None]
    assert rotation_vector(rotation_from_vector(vectors)) == pytest.approx(vectors, abs=1e-9)


@pytest.mark.parametrize("angle", [0, 1e-9, 1e-4, 1, np.pi - 1e-6, np.pi])
def test_the_angle_is_exact_from_nothing_to_half_a_turn(angle):
    assert rotation_angle(rotation_from_vector(angle * np.array([0.6, 0, 0.8]))) == pytest.approx(angle, abs=1e-12)


def test_the_mean_turn_is_the_one_that_turned_all():
    source, turn = rotation_from_vector(np.random.default_rng(0).normal(size=(4, 3))), np.array([0.5, -1.2, 0.3])
    R = rotation_from_vector(turn)
    assert mean_turn(source, R @ source) == pytest.approx(R, abs=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 23, 45])  # 23 and 45: nearer to a mirror than to any rotation
def test_the_mean_turn_of_orientations_that_disagree_is_the_nearest_rotation(seed):
    generator = np.random.default_rng(seed)
    source, target = rotation_from_vector(2 * generator.normal(size=(2, 3, 3)))
    R = mean_turn(source, target)
    assert pytest.approx(np.eye(3), abs=1e-12) == R @ R.T
    assert np.linalg.det(R) == pytest.approx(1)
    cost = lambda R: ((R @ source - target) ** 2).sum()  # noqa: E731
    assert all(cost(rotation_from_vector(step) @ R) > cost(R) for step in 1e-3 * generator.normal(size=(20, 3)))
