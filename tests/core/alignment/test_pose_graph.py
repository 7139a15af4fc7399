"""All poses together: the cost that is lowered, its slope, and how a graph's far end moves."""

import numpy as np
import pytest
from dust3r.core.alignment.pose_graph import KINDS, join_poses, normal_equations, residuals
from dust3r.core.alignment.relative import Relative
from dust3r.core.geometry.similarity import Similarity, similarity_from_twist
from dust3r.evaluation.metrics.poses import pose_metrics
from dust3r.tests.aligning import align
from dust3r.tests.synthetic import noisy_scene, synthetic_pairs
from scipy.linalg import expm


def random_similarities(random, count, size):
    turn, shift, growth = (size * random.standard_normal((count, k)) for k in (3, 3, 1))
    return similarity_from_twist(turn, shift, growth[:, 0])


def window_graph(count, width, noise, seed=0):
    """(true poses, noisy relative poses) of photos with `width` neighbours on either side."""
    random = np.random.default_rng(seed)
    truth = random_similarities(random, count, 1.0)
    edges = np.array(synthetic_pairs().window_edges(count, width))
    i, j = edges.T
    pose = truth[i].inverse().compose(truth[j]).compose(random_similarities(random, len(edges), noise))
    pivot = random.normal((0, 0, 4), 0.5, (len(edges), 3))
    return truth, Relative(edges, pose, np.ones(len(edges)), np.full(len(edges), noise), pivot)


def squares(relative, poses, weight):
    return float((weight * residuals(relative, poses) ** 2).sum()) / 2


def moved_by(poses, step):
    """What the unknowns mean: turns about the photo's own centre, shifts, logs of scale."""
    turned = similarity_from_twist(step[:, :3], np.zeros((len(step), 3)), step[:, 6])
    return Similarity(poses.scale * turned.scale, turned.R @ poses.R, poses.translation + step[:, 3:6])


def test_the_exponential_of_a_twist_is_the_matrix_exponential():
    random = np.random.default_rng(1)
    turn, shift = random.standard_normal((2, 5, 3))
    growth = np.array([0.0, 0.4, -2.0, 1e-9, 0.0])
    turn[2], turn[4] = 0, 1e-9
    found = similarity_from_twist(turn, shift, growth)
    for k in range(5):
        x, y, z = turn[k]
        rate = np.array([[0, -z, y, 0], [z, 0, -x, 0], [-y, x, 0, 0], [0, 0, 0, 0]]) + np.diag([growth[k]] * 3 + [0])
        rate[:3, 3] = shift[k]
        expected = expm(rate)
        assert found.scale[k] * found.R[k] == pytest.approx(expected[:3, :3], abs=1e-12)
        assert found.translation[k] == pytest.approx(expected[:3, 3], abs=1e-12)


def test_the_slope_is_that_of_the_residuals():
    truth, relative = window_graph(5, 2, 1e-3)
    random = np.random.default_rng(2)
    weight, size = random.uniform(0.5, 2, (len(relative.edges), 7)), 1e-6
    weight[:, KINDS[1]] = weight[:, 3:4]
    _, slope = normal_equations(relative, truth, residuals(relative, truth), weight)
    for unknown in range(slope.size):
        step = np.zeros(slope.size)
        step[unknown] = size
        forth, back = (squares(relative, moved_by(truth, sign * step.reshape(-1, 7)), weight) for sign in (1, -1))
        assert (forth - back) / (2 * size) == pytest.approx(slope[unknown], abs=1e-2 * np.abs(slope).max())


def test_turning_shifting_or_scaling_the_whole_world_gains_nothing():
    truth, relative = window_graph(12, 3, 0.05)
    weight = np.ones((len(relative.edges), 7))
    _, slope = normal_equations(relative, truth, residuals(relative, truth), weight)
    slope = slope.reshape(-1, 7)
    growth = (slope[:, 6] + (slope[:, 3:6] * truth.translation).sum(1)).sum()
    turn = (slope[:, :3] + np.cross(truth.translation, slope[:, 3:6])).sum(0)
    assert np.abs([growth, *turn, *slope[:, 3:6].sum(0)]).max() < 1e-9 * np.abs(slope).max()


def test_a_world_far_from_the_best_one_ends_there_with_its_scale():
    truth, relative = window_graph(30, 2, 0.02)
    bent = truth.compose(random_similarities(np.random.default_rng(3), 30, 0.1))
    held = np.zeros((30, 7), dtype=bool)
    held[0] = True
    start = truth[:1].compose(bent[:1].inverse()).compose(bent)
    found = join_poses(relative, start, held)
    assert np.abs(np.log(found.scale / truth.scale)).max() < 0.2  # once it was 1e-8 of the truth
    assert np.sqrt((residuals(relative, found) ** 2).mean(0)).max() < 0.1


def test_a_long_sparse_graph_keeps_its_scale():
    edges = tuple(synthetic_pairs().window_edges(60, 3))
    scene, mappings, predictions, centres = noisy_scene(60, "medium", edges=edges, size=(64, 48))
    found = align(mappings, predictions, principal_points=centres)
    assert found.loss < 0.1
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 80
