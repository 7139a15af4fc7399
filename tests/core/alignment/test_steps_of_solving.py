"""The solver's steps before any world is refined: pieces, trees, averages and damped systems, each by its formula."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from dust3r.core.alignment import aligner, averaging, pose_graph, relative
from dust3r.core.alignment.block_system import RIDGE, solve
from dust3r.core.alignment.estimate import Placement
from dust3r.core.alignment.pose_graph import SHARES, _downhill, _moved, join_poses
from dust3r.core.alignment.relative import EXACT, FEWEST_POINTS, ROUGH, relative_poses, usable_edges
from dust3r.core.alignment.spanning_tree import chain_poses, spanning_tree
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.errors import InputError
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.geometry.similarity import Similarity
from dust3r.tests.aligning import gather
from scipy.sparse import csr_array

from .alignment_worlds import canonical_of, poses, random, relative_of, world_of
from .test_lone_and_two import two_photos


def pins_of(count, group=None, before=None, **known):
    cameras = [known.get(f"p{k}") for k in range(count)]
    return gather(cameras, before, np.arange(count) if group is None else np.array(group))


# relative poses


def test_edges_need_eight_points_on_either_side_that_both_know():
    assert FEWEST_POINTS == 8
    _, observations, own = two_photos(pixels=9)
    assert usable_edges(observations, own).tolist() == [True]
    for side in (0, 1):
        for lost, usable in ((1, True), (2, False)):
            less = replace(observations, weight=observations.weight.copy())
            less.weight[0, side, :lost] = 0
            assert usable_edges(less, own).tolist() == [usable]
            unknown = replace(own, weight=own.weight.copy())
            unknown.weight[side, :lost] = 0
            assert usable_edges(observations, unknown).tolist() == [usable]
    for side in (0, 1):
        flat = replace(observations, points=observations.points.copy())
        flat.points[0, side] = [3.0, 4, 5]
        assert not usable_edges(flat, own).any()
        flat.points[0, side, 0, 2] *= 1 + 2e-5  # spread over size: a third of this of nine points
        assert usable_edges(flat, own).all()


def test_points_count_by_their_distance_but_none_nearer_than_a_tenth_of_the_usual(monkeypatch):
    _, observations, own = two_photos(((0, 1),) * 3, (1.0, 2.0, 3.0))
    observations.points[1, 1, :3] *= 1e-3
    observations.weight[2, 1, :4] = 0
    own.weight[1, 50:] = 0
    asked, register, along = [], relative.register_robustly, relative.register_along_rays
    monkeypatch.setattr(relative, "register_robustly", lambda *a, **k: asked.append((a, k)) or register(*a, **k))
    monkeypatch.setattr(relative, "register_along_rays", lambda *a: asked.append((a, {})) or along(*a))
    found = relative_poses(observations, own, lambda: None)
    (rough, options), (fine, _) = asked
    assert options == {"iterations": ROUGH}
    source, target, weight, spread = rough[:4]
    unit = np.array([1.0, 2, 3])
    assert target == pytest.approx(observations.points[:, 1] / unit[:, None, None], rel=1e-6)
    assert (weight[:, 50:] == 0).all() and (weight[2, :4] == 0).all() and (weight[:2, :50] == 1).all()
    distance = np.linalg.norm(target, axis=-1)
    typical = np.median(distance[0][:50])
    assert spread[0] == pytest.approx(np.maximum(distance[0], 0.1 * typical), rel=0.05)
    assert spread[1, :3] == pytest.approx(np.full(3, 0.1 * typical), rel=0.1) and (fine[3] == spread).all()
    assert (source[0] == source[1]).all() and source.shape == (3, 60, 3)
    asked.clear()
    relative_poses(observations, own, lambda: None, found.pose)
    assert len(asked) == 1 and (asked[0][0][4].scale == found.pose.scale).all()


def test_edges_are_registered_in_pieces_and_are_as_good_as_sure_and_exact():
    _, observations, own = two_photos(((0, 1),) * 17, tuple(np.linspace(1, 3, 17)))
    observations.weight[3] *= 4
    observations.weight[4, 1] *= 9
    calls = []
    found = relative_poses(observations, own, lambda: calls.append(1))
    assert len(calls) == 2 and len(found.quality) == 17
    plain = np.sqrt(1 / EXACT**2)
    assert found.quality[0] == pytest.approx(np.sqrt(1 / EXACT**2), rel=1e-3) and plain == 100
    assert found.quality[3] == pytest.approx(2 * found.quality[0], rel=1e-3)
    assert found.quality[4] == pytest.approx(np.sqrt(3) * found.quality[0], rel=1e-3)


# graphs


def test_a_tree_takes_the_better_of_two_edges_and_of_equal_ones_the_first():
    world = poses(3, 4)
    found = spanning_tree(3, relative_of(world, [(0, 1), (1, 0), (1, 2), (2, 1)], [1, 3, 2, 2]))
    assert found == [(1, 0, 1), (1, 2, 2)]
    assert spanning_tree(2, relative_of(world, [(0, 1), (0, 1)], [2, 2])) == [(0, 1, 0)]


def test_a_chain_without_earlier_places_begins_at_the_tree_and_with_them_at_each():
    truth = poses(4, 4)
    edges = relative_of(truth, [(0, 1), (1, 2), (2, 3)])
    tree = spanning_tree(4, edges)
    found = chain_poses(4, edges, tree, {0: truth[0], 3: truth[2]})  # photo 3 stood elsewhere
    assert found.translation[:2] == pytest.approx(truth.translation[:2])
    assert found.translation[3] == pytest.approx(truth.translation[2])
    joined = truth[2].compose(edges.pose[2].inverse())
    assert found.translation[2] == pytest.approx(joined.translation) and found.scale[2] == pytest.approx(joined.scale)


def test_averages_narrow_their_kernel_and_weigh_edges_by_quality_over_it(monkeypatch):
    seen = []
    solve_graph = averaging._solve_graph
    monkeypatch.setattr(
        averaging,
        "_solve_graph",
        lambda n, e, wanted, pull: seen.append((wanted, pull)) or solve_graph(n, e, wanted, pull),
    )
    edges, quality, unit = np.array([[0, 1], [1, 2], [0, 2]]), np.array([1.0, 2, 3]), np.array([[2.0], [4.0], [5.0]])
    wanted = np.array([[1.0], [1], [5]])
    residual = lambda x: (wanted - (x[edges[:, 1]] - x[edges[:, 0]])) / unit  # noqa: E731
    averaging._average(np.zeros((3, 1)), residual, np.add, edges, quality, 0.01, unit)
    state = np.zeros((3, 1))
    for k, (asked, pull) in enumerate(seen[:6]):
        size = np.abs(residual(state))[:, 0]
        order = np.argsort(size)
        median = size[order][np.searchsorted(np.cumsum(quality[order]), quality.sum() / 2)]
        width = max(0.01, 1.5 * median, 2 * 1.0 * 0.7**k)
        assert asked == pytest.approx(residual(state) * unit)
        assert pull == pytest.approx(quality / (1 + (size / width) ** 2) / unit[:, 0] ** 2)
        state = state + solve_graph(3, edges, asked, pull)
    assert len(seen) <= averaging.ROUNDS


def test_the_values_on_a_graph_are_the_weighted_least_squares_with_the_first_at_0():
    edges = np.array([[0, 1], [1, 2], [0, 2], [2, 0]])
    wanted, weight = random(0).normal(size=(4, 2)), np.array([1.0, 2, 3, 0.5])
    found = averaging._solve_graph(3, edges, wanted, weight)
    A = np.zeros((4, 3))
    A[np.arange(4), edges[:, 1]], A[np.arange(4), edges[:, 0]] = 1, -1
    root = np.sqrt(weight)[:, None]
    expected = np.linalg.lstsq(root * A[:, 1:], root * wanted, rcond=None)[0]
    assert (found[0] == 0).all() and found[1:] == pytest.approx(expected, rel=1e-6)


def test_systems_of_very_different_units_are_solved_to_the_last_digits():
    size = np.array([1e-9, 1.0, 1e6])
    matrix = np.diag(size**2) @ np.eye(3) + 0.1 * np.outer(size, size)
    right = np.array([1e-9, 2.0, -3e6])
    assert solve(matrix, right) == pytest.approx(
        np.linalg.inv(matrix / size / size[:, None]) @ (right / size) / size, rel=1e-9
    )
    assert RIDGE < 1e-9


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_a_step_in_what_nothing_determines_goes_downhill(kind):
    count = 200
    chain = np.diag(np.full(count, 2.0)) - np.eye(count, k=1) - np.eye(count, k=-1)
    chain[[0, -1], [0, -1]] = 1  # of all together nothing is determined
    right = np.ones(count)
    assert right @ solve(kind(chain), right) > 0


@pytest.mark.parametrize("wanted", range(len(SHARES) + 1))
def test_as_much_of_a_step_is_taken_as_does_not_raise_the_cost(monkeypatch, wanted):
    relative_one = relative_of(poses(2, 1), [(0, 1)])
    start = poses(2, 1)
    monkeypatch.setattr(pose_graph, "_moved", lambda poses, step, held: SimpleNamespace(share=step[0, 0]))

    def lacking(edges, world):
        share = getattr(world, "share", None)
        if share is None:
            return np.full((1, 7), 2.0)
        rank = SHARES.index(share)
        return np.full((1, 7), np.nan if rank == 0 and wanted else 2.0 if rank >= wanted else 2.1)

    monkeypatch.setattr(pose_graph, "residuals", lacking)
    found = _downhill(relative_one, start, np.ones((2, 7)), np.zeros((2, 7), bool), np.ones((1, 7)))
    assert found is None if wanted == len(SHARES) else getattr(found, "share", None) == SHARES[wanted]


def test_what_is_held_stays_and_what_moves_is_one_motion_about_each_photo():
    world = poses(3, 2)
    step = np.zeros((3, 7))
    step[:] = [0.1, -0.2, 0.3, 0, 0, 0, np.log(2)]  # turns and grows where it stands
    held = np.zeros((3, 7), bool)
    held[1, :6], held[2, 6] = True, True
    found = _moved(world, step, held)
    R = rotation_from_vector(step[0, :3])
    assert found.translation == pytest.approx(world.translation)
    assert found.R[[0, 2]] == pytest.approx(R @ world.R[[0, 2]]) and (found.R[1] == world.R[1]).all()
    assert found.scale == pytest.approx(world.scale * [2, 2, 1]) and found.scale[2] == world.scale[2]
    half = np.zeros((3, 7), bool)
    half[:, 0] = True  # a turn is held as a whole or not
    assert pytest.approx(R @ world.R) == _moved(world, step, half).R
    step[:, 3:6] = [1, 2, 3]
    step[:, :3] = step[:, 6] = 0
    assert _moved(world, step, held).translation[[0, 2]] == pytest.approx(world.translation[[0, 2]] + [1, 2, 3])


def test_poses_joined_weigh_every_kind_of_error_and_the_edges_quality():
    truth, generator = poses(6, 2), random(3)
    edges = [(i, j) for i in range(6) for j in range(i)] * 2
    relative_all = relative_of(truth, edges, [4.0] * 15 + [1.0] * 15)
    off = Similarity(
        np.exp(generator.normal(size=30) * 0.02),
        rotation_from_vector(generator.normal(size=(30, 3)) * np.repeat([0.001, 0.3], 15)[:, None]),
        np.zeros((30, 3)),
    )
    noisy = replace(relative_all, pose=relative_all.pose.compose(off))
    held = np.zeros((6, 7), bool)
    held[0] = True
    found = join_poses(noisy, truth, held)
    assert (found.R[0] == truth.R[0]).all() and (found.translation[0] == truth.translation[0]).all()
    lacking, quality = pose_graph.residuals(noisy, found), (noisy.quality / 4)[:, None]
    spread, pull = pose_graph.edge_errors(lacking, quality)
    _, slope = pose_graph.normal_equations(noisy, found, lacking, pull[:, None] * quality / spread**2)
    _, before = pose_graph.normal_equations(
        noisy, truth, pose_graph.residuals(noisy, truth), pull[:, None] * quality / spread**2
    )
    assert np.abs(slope[7:]).max() < 0.02 * np.abs(before[7:]).max()  # stationary


# the whole


def test_what_does_not_fit_the_photos_is_named():
    photo = SimpleNamespace(mapping=SimpleNamespace(view_size=(4, 3)))
    fine = SimpleNamespace(edge=(0, 1), shape=lambda side: (3, 4))
    aligner._check([photo] * 2, [fine])
    for photos, predictions, sentence in (
        ([], [fine], "Nothing to align: 0 photos and 1 predicted pairs"),
        ([photo], [], "Nothing to align: 1 photos and 0 predicted pairs"),
        ([photo], [fine], r"Pair \(0, 1\) names photo 1, but there are 1"),
        ([photo] * 2, [SimpleNamespace(edge=(-1, 1), shape=fine.shape)], r"Pair \(-1, 1\) names photo -1"),
        (
            [photo] * 2,
            [SimpleNamespace(edge=(0, 1), shape=lambda side: (3 + side, 4))],
            r"\(4, 4\) points for photo 1 of 4 x 3",
        ),
    ):
        with pytest.raises(InputError, match=sentence):
            aligner._check(photos, predictions)


def test_a_search_begins_at_the_earlier_solution_where_there_is_one_and_else_at_the_average():
    truth = poses(3, 4)
    edges = relative_of(truth, [(0, 1), (1, 2), (0, 2)])
    wrong = edges.pose[np.arange(3)]
    wrong.translation[2] += 1.0
    edges = replace(edges, pose=wrong, quality=np.array([2.0, 1.5, 1]))
    own = canonical_of(1.0, np.zeros((3, 2)), np.full((3, 5), 2.0), np.ones((3, 5)))
    pose = np.eye(4)
    pose[:3, 3] = 7, 8, 9
    stood = aligner._start(edges, own, pins_of(3, before=[Placement(pose, 6.0, 0)] * 3))
    assert (stood.translation == [7, 8, 9]).all() and stood.scale == pytest.approx([3, 3, 3])
    averaged = aligner._start(edges, own, pins_of(3))
    chained = chain_poses(3, edges, spanning_tree(3, edges))
    assert (averaged.translation == averaging.average_poses(edges, chained).translation).all()
    assert (averaged.translation != chained.translation).any()


def test_a_world_stands_in_the_frame_of_its_surest_edges_first_camera_or_of_the_first_known_pose():
    world, observations = world_of()
    observations = replace(observations, confidence=np.array([[1.0, 2], [3, 3], [5, 1], [1, 1]]))
    found = aligner._settled(world, observations, pins_of(3))
    assert (found.R[1] == np.eye(3)).all() and (found.centre[1] == 0).all()  # edge (1, 0) has 9
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(np.array([0.3, 1, -0.5])), [4, 5, 6]
    one = aligner._settled(world, observations, pins_of(3, p2=KnownCamera(pose)))
    assert (one.R[2] == pose[:3, :3]).all() and (one.centre[2] == [4, 5, 6]).all()
    aside = pose.copy()
    aside[0, 3] = 9
    assert aligner._settled(world, observations, pins_of(3, p0=KnownCamera(pose), p2=KnownCamera(aside))) is world
