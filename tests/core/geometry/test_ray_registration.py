"""Registration of pointmaps whose errors along the rays are greater than across them."""

import numpy as np
import pytest
from dust3r.core.geometry.ray_registration import FREEDOM, register_along_rays
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector
from dust3r.core.geometry.similarity import Similarity, similarity_from_twist

ACROSS, ALONG = 0.002, 0.008


def truth_and_points(count, seed=0):
    """(source, target, the similarities between them): two pointmaps, each from its own camera at 0."""
    generator = np.random.default_rng(seed)
    slopes = generator.uniform(-0.6, 0.6, (2, count, 2))
    rays = np.concatenate([slopes, np.ones((2, count, 1))], axis=-1)
    source = rays * generator.uniform(2, 5, (2, count, 1))
    turns = rotation_from_vector(np.array([[0.2, -0.3, 0.1], [-0.1, 0.4, 0.2]]))
    truth = Similarity(np.array([0.8, 1.3]), turns, np.array([[0.5, 0.1, -0.2], [-0.4, 0.2, 0.3]]))
    return source, truth.apply(source), truth


def noisy(source, truth, seed=1):
    """Targets with Gaussian errors across and along the source's rays, as shares of the distance."""
    generator = np.random.default_rng(seed)
    rays = source / np.linalg.norm(source, axis=-1, keepdims=True)
    error = generator.normal(size=source.shape)
    along = (error * rays).sum(-1, keepdims=True) * rays
    distance = np.linalg.norm(source, axis=-1, keepdims=True)
    return truth.apply(source + distance * (ACROSS * (error - along) + ALONG * along))


def near(truth, size=0.01):
    steps = np.random.default_rng(2).normal(size=(2, 7)) * size
    return similarity_from_twist(steps[:, :3], steps[:, 3:6], steps[:, 6]).compose(truth)


def settled(source, target, weight, spread, start):
    """Registered until nothing moves any more."""
    fit = register_along_rays(source, target, weight, spread, start)
    for _ in range(9):
        fit = register_along_rays(source, target, weight, spread, fit.pose)
    return fit


def cost(pose, fit, source, target, weight, spread):
    """The objective of the docstring, by other means: the part along each ray and the rest."""
    arms = pose.apply(source) - pose.translation[:, None]
    rays = arms / np.linalg.norm(arms, axis=-1, keepdims=True)
    off = (target - pose.apply(source)) / spread[..., None]
    along = (off * rays).sum(-1)
    across = np.sqrt(np.maximum((off**2).sum(-1) - along**2, 0))
    squared = (across / fit.across[:, None]) ** 2 + (along / fit.along[:, None]) ** 2
    return (weight * np.log1p(squared / FREEDOM)).sum(-1)


def test_exact_points_bring_a_disturbed_similarity_back():
    source, target, truth = truth_and_points(60)
    fit = settled(source, target, np.ones((2, 60)), np.linalg.norm(target, axis=-1), near(truth, 0.05))
    assert fit.pose.scale == pytest.approx(truth.scale, rel=1e-7)
    assert pytest.approx(truth.R, abs=1e-7) == fit.pose.R
    assert fit.pose.translation == pytest.approx(truth.translation, abs=1e-6)


def test_the_two_spreads_are_those_of_the_errors():
    source, _, truth = truth_and_points(5000)
    spread = truth.scale[:, None] * np.linalg.norm(source, axis=-1)
    fit = settled(source, noisy(source, truth), np.ones(spread.shape), spread, truth)
    assert fit.across == pytest.approx(ACROSS, rel=0.05)
    assert fit.along == pytest.approx(ALONG, rel=0.05)


def test_the_spread_along_is_never_below_the_one_across_nor_far_above():
    source, target, truth = truth_and_points(500)
    generator, spread = np.random.default_rng(3), np.ones((2, 500))
    rays = source / np.linalg.norm(source, axis=-1, keepdims=True)
    sizes = generator.normal(size=(2, 500, 1))
    turned = rays @ truth.R.swapaxes(-1, -2)
    along = settled(source, target + 0.01 * sizes * turned, np.ones((2, 500)), spread, truth)
    assert along.along == pytest.approx(6 * along.across, rel=1e-6)
    upright = np.cross(turned, generator.normal(size=(2, 500, 3)))
    across = settled(source, target + 0.01 * upright, np.ones((2, 500)), spread, truth)
    assert across.along == pytest.approx(across.across, rel=1e-6)


def test_no_similarity_beside_the_one_found_has_a_lower_objective():
    source, _, truth = truth_and_points(400)
    target, spread = noisy(source, truth), truth.scale[:, None] * np.linalg.norm(source, axis=-1)
    generator = np.random.default_rng(4)
    target[:, :40] += generator.normal(size=(2, 40, 3))  # outliers
    weight = generator.uniform(0.2, 2, spread.shape)
    fit = settled(source, target, weight, spread, near(truth))
    least = cost(fit.pose, fit, source, target, weight, spread)
    for k in range(14):
        step = np.zeros((2, 7))
        step[:, k // 2] = (-1) ** k * 1e-3
        pivot = fit.pose.apply(fit.pivot[:, None])[:, 0]
        moved = similarity_from_twist(
            step[:, :3], step[:, 3:6] - np.cross(step[:, :3], pivot) - step[:, 6:] * pivot, step[:, 6]
        ).compose(fit.pose)
        assert (cost(moved, fit, source, target, weight, spread) > least).all()


def test_outliers_neither_move_the_similarity_nor_the_pivot_much():
    source, _, truth = truth_and_points(500)
    target, spread = noisy(source, truth), truth.scale[:, None] * np.linalg.norm(source, axis=-1)
    wild = target.copy()
    wild[:, :100] += 3
    fit = settled(source, wild, np.ones((2, 500)), spread, near(truth))
    assert np.degrees(rotation_angle(fit.pose.R @ truth.R.swapaxes(-1, -2))).max() < 0.1
    assert fit.pose.scale == pytest.approx(truth.scale, rel=0.005)
    assert fit.pivot == pytest.approx(source[:, 100:].mean(1), abs=0.05)


def test_the_pivot_is_the_weighted_middle_of_exact_points():
    source, target, truth = truth_and_points(80)
    weight = np.random.default_rng(5).uniform(0, 3, (2, 80))
    fit = register_along_rays(source, target, weight, np.ones((2, 80)), truth)
    assert fit.pivot == pytest.approx((weight[..., None] * source).sum(1) / weight.sum(1)[:, None], rel=1e-6)


def test_points_without_weight_do_not_count():
    source, target, truth = truth_and_points(80)
    weight = np.ones((2, 80))
    weight[:, :30] = 0
    target[:, :30] *= 2
    fit = settled(source, target, weight, np.ones((2, 80)), near(truth))
    assert pytest.approx(truth.R, abs=1e-7) == fit.pose.R


def test_what_points_on_a_line_leave_open_stays_as_it_was():
    source, _, _ = truth_and_points(50)
    source[:] = np.array([0.3, 0.1, 2.0]) + np.linspace(-1, 1, 50)[:, None] * np.array([1.0, 0, 0])
    about = rotation_from_vector(np.array([[0.3, 0, 0], [-0.2, 0, 0]]))
    pivot = np.array([0.3, 0.1, 2.0])
    start = Similarity(np.ones(2), about, pivot - about @ pivot)  # a turn about the line moves no point of it
    fit = settled(source, source, np.ones((2, 50)), np.ones((2, 50)), start)
    assert fit.pose.apply(source) == pytest.approx(source, abs=1e-6)
    assert pytest.approx(about, abs=1e-3) == fit.pose.R


def test_points_in_one_place_are_carried_there_without_a_turn():
    source = np.tile(np.array([0.3, 0.1, 2.0]), (2, 20, 1))
    start = Similarity(np.ones(2), np.tile(np.eye(3), (2, 1, 1)), np.zeros((2, 3)))
    fit = settled(source, source + 0.1, np.ones((2, 20)), np.ones((2, 20)), start)
    assert fit.pose.apply(source) == pytest.approx(source + 0.1, abs=1e-6)
    assert pytest.approx(start.R, abs=1e-3) == fit.pose.R
