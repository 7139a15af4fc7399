"""Relative poses joined to a world: the tree, robust averages, and the systems of equations behind them."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment import block_system
from dust3r.core.alignment.averaging import average_poses
from dust3r.core.alignment.block_system import block_matrix, solve
from dust3r.core.alignment.canonical import canonical_points
from dust3r.core.alignment.observations import Observations
from dust3r.core.alignment.relative import relative_poses, usable_edges
from dust3r.core.alignment.spanning_tree import chain_poses, components, spanning_tree
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector
from dust3r.core.geometry.similarity import Similarity

from .alignment_worlds import assert_same_world, canonical_of, poses, random, relative_of, world_of

RING = [(k, (k + 1) % 8) for k in range(8)] + [(k, (k + 2) % 8) for k in range(8)]


def test_averaging_finds_the_world_of_exact_edges_from_a_disturbed_start():
    truth = poses(8, 2)
    nudge = rotation_from_vector(0.05 * random(3).normal(size=(8, 3)))
    start = Similarity(truth.scale * 1.05, nudge @ truth.R, truth.translation + 0.1)
    assert_same_world(average_poses(relative_of(truth, RING), start), truth, 1e-5)


def test_averaging_is_not_moved_by_an_edge_that_contradicts_all_others():
    truth = poses(8, 2)
    relative = relative_of(truth, RING)
    wrong = relative.pose
    wrong.R[5] = rotation_from_vector(np.array([0.0, 1.0, 0.0])) @ wrong.R[5]
    wrong.scale[5] *= 3
    wrong.translation[5] += 4
    found = average_poses(relative, chain_poses(8, relative, spanning_tree(8, relative)))
    assert_same_world(found, truth, 0.05)


def test_a_world_is_chained_along_the_best_edges():
    truth = poses(4, 4)
    edges = [(0, 1), (1, 0), (1, 2), (2, 0), (3, 2), (1, 3)]
    relative = relative_of(truth, edges, [1, 3, 8, 2, 6, 5])
    tree = spanning_tree(4, relative)
    assert tree[0][0] == 1  # the first photo of the best edge
    assert {e for _, _, e in tree} == {2, 4, 1}
    assert all((known, new) in (edges[e], edges[e][::-1]) for known, new, e in tree)
    found = chain_poses(4, relative, tree)
    assert_same_world(found, truth)
    assert found.scale[1] == 1 and (found.R[1] == np.eye(3)).all()
    stood = chain_poses(4, relative, tree, {3: truth[3], 0: truth[0]})
    assert stood.translation == pytest.approx(truth.translation)
    assert (stood.R[3] == truth.R[3]).all()


def test_parts_are_numbered_in_the_order_of_their_first_photos():
    assert components(6, np.array([[5, 1], [2, 3], [3, 2]])).tolist() == [0, 1, 2, 2, 3, 1]
    assert components(3, np.zeros((0, 2), int)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [10, 60])
@pytest.mark.parametrize("dense", [0, 10**6])
def test_blocks_make_the_same_system_dense_and_sparse(count, dense, monkeypatch):
    monkeypatch.setattr(block_system, "DENSE_UNTIL", dense)
    generator = random(0)
    i, j = np.arange(count - 1), np.arange(1, count)
    J = generator.normal(size=(2, count - 1, 3, 3))
    rows, columns = np.concatenate([i, i, j, j, i]), np.concatenate([i, j, i, j, i])
    blocks = np.concatenate([a.swapaxes(-1, -2) @ b for a in J for b in J] + [np.tile(np.eye(3), (count - 1, 1, 1))])
    matrix, expected = block_matrix(count, rows, columns, blocks), np.zeros((3 * count, 3 * count))
    for row, column, block in zip(rows, columns, blocks, strict=True):
        expected[3 * row : 3 * row + 3, 3 * column : 3 * column + 3] += block
    full = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    assert full == pytest.approx(expected)
    right = generator.normal(size=(3 * count, 2))
    assert solve(matrix, right) == pytest.approx(np.linalg.solve(expected, right), rel=1e-4, abs=1e-5)
    assert solve(matrix, right[:, 0]) == pytest.approx(solve(matrix, right)[:, 0])


def test_what_no_equation_fixes_stays_where_it_is():
    matrix = np.zeros((3, 3))
    matrix[0, 0] = 4
    assert solve(matrix, np.array([8.0, 0, 0])) == pytest.approx([2, 0, 0])


def stationary(values, weight, width):
    """The least minimum of the weighted sum of Cauchy's log(1 + (|x - value| / width)^2)."""
    places = np.linspace(values.min(), values.max(), 200_001)
    cost = sum(w * np.log1p(((places - value) / width) ** 2) for value, w in zip(values, weight, strict=True))
    return places[np.argmin(cost)]


def test_averages_of_turns_scales_and_places_minimise_cauchys_loss():
    off, quality = np.array([0.0, 0.001, -0.002, 0.003, 0.05, 0.04]), np.array([1, 2, 3, 2, 2.5, 1.5])
    wanted = stationary(off, quality, 0.01)
    one, edges = Similarity(np.ones(2), np.tile(np.eye(3), (2, 1, 1)), np.zeros((2, 3))), [(0, 1)] * 6
    start = replace(one, translation=np.array([[0.0, 0, 0], [0, 0, 1]]))
    exact = relative_of(start, edges, quality)
    turned = replace(exact.pose, R=rotation_from_vector(off[:, None] * [0, 1.0, 0]))
    found = average_poses(replace(exact, pose=turned), start)
    assert rotation_angle(found.R[0].T @ found.R[1]) == pytest.approx(wanted, abs=2e-6)
    scaled = replace(exact.pose, scale=np.exp(off))
    found = average_poses(replace(exact, pose=scaled), start)
    assert np.log(found.scale[1] / found.scale[0]) == pytest.approx(wanted, abs=2e-6)
    moved = replace(exact.pose, translation=exact.pose.translation + off[:, None] * [0, 0, 1.0])
    found = average_poses(replace(exact, pose=moved), start)
    assert found.translation[1] - found.translation[0] == pytest.approx([0, 0, 1 + wanted], abs=2e-6)
    larger = replace(start, scale=np.full(2, 4.0))  # places count in the first photo's units
    found = average_poses(replace(exact, pose=moved), larger)
    assert (found.translation[1] - found.translation[0])[2] == pytest.approx(4 * (1 + wanted), abs=1e-5)


def test_edges_are_of_use_between_two_photos_with_enough_points_on_both_sides_that_do_not_coincide():
    _, observations = world_of()
    generator = random(9)
    many = replace(
        observations,
        points=generator.normal(size=(4, 2, 9, 3)),
        weight=np.ones((4, 2, 9)),
        edges=observations.edges.copy(),
    )
    canonical = canonical_of(1.0, np.zeros((3, 2)), *np.ones((2, 3, 9)))
    assert usable_edges(many, canonical).all()
    many.weight[0, 1, :2] = 0  # 7 points are left
    many.weight[1, 0, :1] = 0  # 8
    many.points[2, 0] = [1, 2, 3]
    many.edges[3] = 2, 2
    assert usable_edges(many, canonical).tolist() == [False, True, False, False]
    many.points[1, 0] = 0  # where the camera is
    assert usable_edges(many, canonical).tolist() == [False, False, False, False]
    unknown = replace(canonical, weight=np.ones((3, 9)))
    unknown.weight[1, :2] = 0
    assert not usable_edges(many, unknown).any()


def test_an_edge_is_the_better_the_surer_the_network_is_and_the_less_its_points_are_off():
    generator = random(3)
    pixels, centre = generator.uniform(0, 40, (2, 60, 2)), np.array([[20.0, 15.0]] * 2)
    canonical = canonical_of(40.0, centre, generator.uniform(2, 3, (2, 60)), np.ones((2, 60)))
    own, exact = canonical_points(canonical, pixels), relative_of(poses(2, 8), [(0, 1)])
    said = np.stack([own[0], exact.pose.apply(own[1][None])[0]])
    noise = np.array([0, 0, 0.2, 0.4])[:, None, None, None] * generator.normal(size=(1, 2, 60, 3)) * 2
    weight = np.ones((4, 2, 60)) * np.array([1.0, 4, 1, 1])[:, None, None]
    weight[1, 1] = 1  # one side is four times as sure
    observations = Observations(
        np.array([[0, 1]] * 4), said + noise, weight, np.ones((4, 2)), pixels, *np.full((2, 2), 60.0), ((40, 30),) * 2
    )
    found = relative_poses(observations, canonical, lambda: None)
    assert found.misfit[:2] == pytest.approx([0, 0], abs=1e-6)
    assert found.quality[1] == pytest.approx(found.quality[0] * np.sqrt(2))
    assert found.quality[0] > 2 * found.quality[2]
    assert found.quality[2] > 1.5 * found.quality[3]
    assert found.misfit[3] == pytest.approx(2 * found.misfit[2], rel=0.2)
    assert rotation_angle(found.pose.R[0].T @ exact.pose.R[0]) < 1e-6
    assert found.pose.translation[0] == pytest.approx(exact.pose.translation[0], abs=1e-6)
