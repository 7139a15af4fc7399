"""Similarities and the registration of points."""

import numpy as np
import pytest
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector
from dust3r.core.geometry.similarity import (
    Similarity,
    register_points,
    register_robustly,
    similarity_from_twist,
    weighted_median,
)
from scipy.linalg import expm


@pytest.fixture
def moved():
    """(source, target, the similarities between them) for three sets of 50 points."""
    generator = np.random.default_rng(0)
    source = generator.normal(size=(3, 50, 3)) + 4
    truth = Similarity(
        generator.uniform(0.3, 3, 3), rotation_from_vector(generator.normal(size=(3, 3))), generator.normal(size=(3, 3))
    )
    return source, truth.apply(source), truth


def assert_same(found, truth, tolerance=1e-9):
    assert found.scale == pytest.approx(truth.scale, rel=tolerance)
    assert pytest.approx(truth.R, abs=tolerance) == found.R
    assert found.translation == pytest.approx(truth.translation, abs=10 * tolerance)


def test_registration_recovers_the_similarity_that_moved_the_points(moved):
    source, target, truth = moved
    assert_same(register_points(source, target, np.ones((3, 50))), truth)


def test_points_without_weight_do_not_count(moved):
    source, target, truth = moved
    target[:, :20] += 5
    weight = np.ones((3, 50))
    weight[:, :20] = 0
    assert_same(register_points(source, target, weight), truth)


def test_points_in_a_plane_are_registered_without_a_reflection(moved):
    source, _, truth = moved
    source[..., 2] = 0
    assert_same(register_points(source, truth.apply(source), np.ones((3, 50))), truth)


def test_a_mirror_image_is_answered_with_a_rotation(moved):
    source, _, _ = moved
    found = register_points(source, source * [1, 1, -1], np.ones((3, 50)))
    assert np.linalg.det(found.R) == pytest.approx(np.ones(3))


def test_a_third_of_wild_points_does_not_move_the_robust_registration(moved):
    source, target, truth = moved
    target[:, :16] += np.random.default_rng(1).normal(size=(3, 16, 3)) * 20
    found, misfit = register_robustly(source, target, np.ones((3, 50)), np.ones((3, 50)), iterations=40)
    assert_same(found, truth, 1e-6)
    assert (misfit < 1e-6).all()


def test_registration_agrees_with_the_published_one(golden):
    data = np.load(golden / "geometry.npz")
    source, target = (data[f"rigid.{name}"].reshape(-1, 3).astype(np.float64) for name in ("src", "dst"))
    found = register_points(source, target, data["rigid.weight"].reshape(-1).astype(np.float64))
    assert found.scale == pytest.approx(float(data["rigid.s"]), rel=1e-5)
    assert pytest.approx(data["rigid.R"], abs=1e-5) == found.R
    assert found.translation == pytest.approx(data["rigid.T"], abs=1e-5)


def test_inverse_and_composition_follow_the_points(moved):
    source, target, truth = moved
    assert truth.inverse().apply(target) == pytest.approx(source)
    other = truth[[1, 2, 0]]
    assert truth.compose(other).apply(source) == pytest.approx(truth.apply(other.apply(source)))
    assert truth.compose(truth.inverse()).apply(source) == pytest.approx(source)


def test_the_weighted_median_has_half_the_weight_on_either_side():
    values = np.array([[5.0, 1, 3], [5, 1, 3]])
    assert weighted_median(values, np.array([[1.0, 1, 1], [9, 1, 1]])).tolist() == [3, 5]


def test_half_a_turn_is_recovered():
    source = np.random.default_rng(2).normal(size=(20, 3))
    R = rotation_from_vector(np.array([0, np.pi, 0]))
    found = register_points(source, source @ R.T, np.ones(20))
    assert rotation_angle(found.R @ R.T) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("turn", [(0, 0, 0), (0, 0, 1e-9), (0.4, -1.1, 0.3)])
@pytest.mark.parametrize("growth", [0.0, 1e-9, 0.7, -2.0])
def test_a_unit_of_time_at_constant_velocity_is_the_matrix_exponential(turn, growth):
    shift, velocity = np.array([1.0, -2.0, 0.5]), np.zeros((4, 4))
    velocity[:3, :3] = np.array([np.cross(turn, axis) for axis in np.eye(3)]).T + growth * np.eye(3)
    velocity[:3, 3] = shift
    found, moved = similarity_from_twist(np.array(turn, float), shift, np.array(growth)), expm(velocity)
    assert float(found.scale) * found.R == pytest.approx(moved[:3, :3], abs=1e-12)
    assert found.translation == pytest.approx(moved[:3, 3], abs=1e-12)


def test_registration_minimises_the_weighted_squares_of_what_no_similarity_explains(moved):
    source, _, _ = moved
    generator = np.random.default_rng(3)
    target, weight = generator.normal(size=source.shape), generator.uniform(0, 2, (3, 50))
    found = register_points(source, target, weight)

    def cost(similarity):
        return (weight * ((similarity.apply(source) - target) ** 2).sum(-1)).sum(-1)

    for _ in range(20):
        step = 1e-3 * generator.normal(size=(3, 7))
        beside = found.compose(similarity_from_twist(step[:, :3], step[:, 3:6], step[:, 6]))
        assert (cost(beside) > cost(found)).all()


def test_robust_registration_minimises_cauchys_loss_over_one_and_a_half_median_residuals(moved):
    source, target, truth = moved
    generator = np.random.default_rng(4)
    target = target + 0.05 * generator.standard_t(2, size=source.shape)
    weight, spread = generator.uniform(0.5, 2, (3, 50)), generator.uniform(0.5, 2, (3, 50))
    found, middle = register_robustly(source, target, weight, spread, iterations=200)

    def residual(similarity):
        return np.linalg.norm(similarity.apply(source) - target, axis=-1) / spread

    assert middle == pytest.approx(weighted_median(residual(found), weight))
    width = 1.5 * middle[:, None]
    cost = lambda similarity: (weight * np.log1p((residual(similarity) / width) ** 2)).sum(-1)  # noqa: E731
    for _ in range(20):
        step = 1e-4 * generator.normal(size=(3, 7))
        beside = found.compose(similarity_from_twist(step[:, :3], step[:, 3:6], step[:, 6]))
        assert (cost(beside) > cost(found)).all()
    assert_same(register_robustly(source, truth.apply(source), weight, spread, 1, truth)[0], truth)
