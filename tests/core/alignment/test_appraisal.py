"""Errors of cameras and pairs, against what follows from a curvature and from edges by formula."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from dust3r.core.alignment import uncertainty
from dust3r.core.alignment.pose_graph import FLOOR, edge_errors, jacobians, normal_equations, residuals
from dust3r.core.alignment.uncertainty import (
    CALIBRATION,
    FOCAL_SHARE,
    NOTABLE,
    ODD,
    UNKNOWN,
    USUAL_MISFIT,
    _answers,
    _edge_spread,
    _gauge,
    _of_pairs,
    _sampled_pulls,
    _usual_size,
    appraise,
    nothing_to_compare,
)
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.geometry.similarity import Similarity, similarity_from_twist
from dust3r.tests.aligning import gather

from .alignment_worlds import canonical_of, poses, random, relative_of

COMPLETE = [(i, j) for i in range(4) for j in range(4) if i != j]


def pins_of(count, **known):
    return gather([known.get(f"p{n}") for n in range(count)], None, np.arange(count))


def posed(world, n, **lens):
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = world.R[n], world.translation[n]
    return KnownCamera(pose, **lens)


def noisy(world, edges, size, seed=0):
    """Edges of a world whose seven errors are drawn at these sizes (turn, place, scale)."""
    relative, generator = relative_of(world, edges), random(seed)
    turn, shift, growth = (by * generator.normal(size=(len(edges), k)) for by, k in zip(size, (3, 3, 1), strict=True))
    return replace(relative, pose=similarity_from_twist(turn, shift, growth[:, 0]).compose(relative.pose))


def test_the_gauge_is_how_residuals_do_not_change():
    world = poses(4, 2)
    relative = relative_of(world, COMPLETE)
    lacking = residuals(relative, world)
    size = np.tile([1.0, 1, 1, 2, 2, 2, 3], 4)
    gauge = _gauge(world, size)
    assert gauge.T @ gauge == pytest.approx(np.eye(7))
    J, (i, j) = jacobians(relative, world, lacking), relative.edges.T
    for k in range(7):
        move = (gauge[:, k] / size).reshape(4, 7)
        change = np.einsum("eab,eb->ea", J[0], move[i]) + np.einsum("eab,eb->ea", J[1], move[j])
        assert np.abs(change).max() < 1e-9


def test_answers_squared_are_the_pseudo_inverse_of_the_curvature_or_the_inverse_where_two_poses_are_known():
    world = poses(4, 2)
    relative = noisy(world, COMPLETE, (0.01, 0.01, 0.02))
    lacking = residuals(relative, world)
    weight = random(1).uniform(50, 100, (len(COMPLETE), 7))
    weight[:, 3:6] = weight[:, 3:4]
    H, _ = normal_equations(relative, world, lacking, weight)

    def covariance(pins):
        answers = _answers(relative, world, lacking, weight, pins)
        flat = answers.reshape(28, -1)
        return flat @ flat.T

    size = _usual_size(H.diagonal())
    expected = np.linalg.pinv(H / size / size[:, None], rcond=1e-9, hermitian=True) / size / size[:, None]
    assert covariance(pins_of(4)) == pytest.approx(expected, rel=1e-4, abs=1e-6 * np.abs(expected).max())
    pins = pins_of(4, p0=posed(world, 0), p2=posed(world, 2))
    free = np.flatnonzero(~pins.held)
    known = covariance(pins)
    assert known[np.ix_(free, free)] == pytest.approx(np.linalg.inv(H[np.ix_(free, free)]), rel=1e-4)
    held = np.flatnonzero(pins.held)
    assert (known[held] == 0).all()


def test_the_usual_size_is_one_of_each_kind_for_all_photos():
    diagonal = np.concatenate([np.arange(1.0, 8), np.arange(3.0, 10)])
    assert _usual_size(diagonal) == pytest.approx(np.tile(np.sqrt(np.arange(2.0, 9)), 2))
    assert (_usual_size(np.zeros(14)) > 0).all()


def test_sampled_pulls_have_the_curvature_as_their_covariance():
    world = poses(4, 2)
    relative = relative_of(world, COMPLETE)
    weight = random(1).uniform(1, 2, (len(COMPLETE), 7))
    lacking = residuals(relative, world)
    H, _ = normal_equations(relative, world, lacking, weight)
    pulls = _sampled_pulls(relative, world, lacking, weight)
    assert pulls.shape == (28, uncertainty.SAMPLES)
    assert (pulls == _sampled_pulls(relative, world, lacking, weight)).all()
    off = (pulls @ pulls.T - H) / np.sqrt(np.outer(H.diagonal(), H.diagonal()))
    assert np.sqrt((off**2).mean()) < 1.5 / np.sqrt(uncertainty.SAMPLES)


@pytest.mark.filterwarnings("ignore:overflow")  # of cameras in one place
def test_errors_of_pairs_follow_from_those_of_their_cameras():
    world = Similarity(np.ones(3), np.tile(np.eye(3), (3, 1, 1)), np.array([[0.0, 0, 0], [2, 0, 0], [2, 0, 0]]))
    answers, edges = np.zeros((3, 7, 4)), np.array([[0, 1], [1, 0]])
    answers[1, 1, 0] = 0.03  # camera 1 turns about y
    answers[1, 4, 1], answers[1, 3, 2] = 0.1, 0.5  # and shifts aside, and along the way
    answers[1, 6, 3] = 0.04
    found = _of_pairs(answers, edges, world)
    assert found.rotation[0] == pytest.approx(np.degrees(0.03))
    assert found.direction[0] == pytest.approx(np.degrees(0.05))
    assert found.scale == pytest.approx([0.04, 0.04])
    assert found.direction[1] == pytest.approx(np.degrees(np.hypot(0.05, 0.03)))  # the turn carries the way too
    assert _of_pairs(answers, np.array([[1, 2]]), world).direction[0] == 90  # of cameras in one place
    joint = np.zeros((3, 7, 1))
    joint[:2, 1] = 0.03
    joint[1, 3:6, 0] = np.cross([0, 0.03, 0], world.translation[1])  # all turns about the first
    still = _of_pairs(joint, edges, world)
    assert still.rotation == pytest.approx([0, 0]) and still.direction == pytest.approx([0, 0])


def test_spreads_of_edges_begin_with_the_usual_and_count_degrees_of_freedom():
    relative = relative_of(poses(4, 2), COMPLETE)
    relative = replace(relative, misfit=np.full(12, 2 * USUAL_MISFIT))
    lacking, quality = 0.1 * random(0).normal(size=(12, 7)), np.ones((12, 1))
    found, pull = edge_errors(lacking, quality)
    usual = 2 * np.repeat(UNKNOWN, [3, 3, 1])
    for photos, pinned, freedom in ((4, 0, 9), (4, 1, 9), (4, 3, 11), (12, 0, 1), (20, 0, 0)):
        spread, same = _edge_spread(lacking, quality, relative, photos, pinned)
        assert spread == pytest.approx(np.sqrt((12 * found**2 + usual**2) / (freedom + 1)))
        assert (same == pull).all()


def test_edges_of_one_kind_of_error_share_its_spread_and_outliers_lose_their_pull():
    generator, sizes = random(3), np.repeat([0.02, 0.05, 0.1], [3, 3, 1])
    lacking = sizes * generator.normal(size=(4000, 7))
    spread, pull = edge_errors(lacking, np.ones((4000, 1)))
    assert spread[:3].tolist() == [spread[0]] * 3 and spread[3:6].tolist() == [spread[3]] * 3
    ratio = spread / sizes
    assert ratio == pytest.approx(np.full(7, ratio[0]), rel=0.05) and 0.6 < ratio[0] < 1
    size = (lacking**2 / spread**2).sum(1)
    assert pull == pytest.approx((4 + 7) / (4 + size), rel=1e-3)
    halves, _ = edge_errors(lacking * np.sqrt(2), np.full((4000, 1), 0.5))
    assert halves == pytest.approx(spread, rel=1e-2)  # of an edge of quality 1
    exact, _ = edge_errors(np.zeros((5, 7)), np.ones((5, 1)))
    assert exact == pytest.approx(np.full(7, FLOOR))


def world_at(similarity, depth):
    return SimpleNamespace(R=similarity.R, centre=similarity.translation, depth=depth)


@pytest.fixture
def appraised():
    """A function that appraises four photos of known world whose edges are off, with known pins."""
    world, generator = poses(4, 2), random(4)
    own = generator.uniform(1, 2, (4, 30))
    canonical = canonical_of(40.0, np.zeros((4, 2)), own, np.ones((4, 30)))
    canonical.weight[1, :10], canonical.weight[3] = 0, 0
    depth = own * world.scale[:, None]
    depth[1, :10] *= 9  # of pixels that nothing is known of
    relative = noisy(world, COMPLETE, (0.01, 0.02, 0.01))
    relative = replace(relative, misfit=np.linspace(0.02, 0.04, 12), quality=np.linspace(2, 4, 12))

    def call(pins=None, edges=relative):
        return appraise(edges, canonical, world_at(world, depth), pins or pins_of(4)), edges, canonical, depth, world

    return call


def test_cameras_are_appraised_by_the_answers_of_the_graph(appraised):
    found, relative, canonical, depth, world = appraised()
    lacking, quality = residuals(relative, world), relative.quality[:, None] / 4
    spread, pull = _edge_spread(lacking, quality, relative, 4, 0)
    weight = pull[:, None] * quality / spread**2
    answers = CALIBRATION * _answers(relative, world, lacking, weight, pins_of(4))
    for n in range(4):
        turn, place, growth = (np.sqrt((answers[n, part] ** 2).sum()) for part in (slice(0, 3), slice(3, 6), 6))
        assert found.uncertainty.rotation[n] == pytest.approx(np.degrees(turn))
        assert found.uncertainty.centre[n] == pytest.approx(place / np.median(depth[n]))
        assert found.uncertainty.scale[n] == pytest.approx(growth)
    expected = np.sqrt((quality * lacking**2 / spread**2).mean(1))
    assert found.disagreement == pytest.approx(expected) and not found.odd.any()
    typical = FOCAL_SHARE * np.median(relative.misfit)
    assert found.uncertainty.focal == pytest.approx(np.hypot(canonical.focal_spread, typical))


def test_a_focal_known_exactly_has_no_error(appraised):
    found = appraised(pins_of(4, p2=KnownCamera(focal=40.0)))[0]
    assert (found.uncertainty.focal == 0).tolist() == [False, False, True, False]
    canonical = canonical_of([40.0, 50], np.zeros((2, 2)), *np.ones((2, 2, 5)))
    alone = nothing_to_compare(canonical, pins_of(2, p1=KnownCamera(focal=50.0)), 3)
    assert alone.uncertainty.focal.tolist() == [0.01, 0] and alone.uncertainty.rotation.tolist() == [0, 0]
    assert alone.disagreement.tolist() == [1, 1, 1] and not alone.odd.any()
    assert alone.pairs.rotation.tolist() == alone.pairs.direction.tolist() == alone.pairs.scale.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("kind", "size"), [(0, NOTABLE[0]), (1, NOTABLE[1])])
def test_an_edge_is_odd_where_it_disagrees_much_and_notably(appraised, kind, size):
    *_, world = appraised()
    for factor in (0.9, 1.1):
        relative = relative_of(world, COMPLETE)  # exact, but for one
        wrong = replace(relative, misfit=np.full(12, 1e-4), pose=relative.pose[np.arange(12)])
        if kind == 0:
            wrong.pose.R[5] = wrong.pose.R[5] @ rotation_from_vector(np.array([0, 0, factor * size]))
        else:
            arm = wrong.pose[[5]].apply(wrong.pivot[5][None, None])[0, 0]
            wrong.pose.translation[5] += factor * size * arm / (1 - factor * size)
        lacking = np.linalg.norm(residuals(wrong, world)[5, 3 * kind : 3 * kind + 3])
        assert lacking == pytest.approx(factor * size, rel=1e-3)
        found = appraised(edges=wrong)[0]
        assert found.odd.tolist() == [k == 5 and factor > 1 for k in range(12)]
        assert (found.disagreement[5] > ODD) and (np.delete(found.disagreement, 5) < ODD).all()
