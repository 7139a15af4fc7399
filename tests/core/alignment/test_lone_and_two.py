"""One photo by itself, and two posed by PnP, against worlds by formula."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment import two_views
from dust3r.core.alignment.canonical import canonical_points
from dust3r.core.alignment.known_focals import Stretched, with_known_focals
from dust3r.core.alignment.observations import Observations
from dust3r.core.alignment.single_view import lone_world
from dust3r.core.alignment.two_views import _mean, two_view_poses
from dust3r.core.geometry.camera import project
from dust3r.core.geometry.rotation import rotation_angle, rotation_from_vector
from dust3r.core.geometry.similarity import Similarity
from dust3r.core.scene_graph.edges import Edge

from .alignment_worlds import canonical_of, poses, random, relative_of

CENTRE = np.array([[20.0, 15.0], [22.0, 14.0]])


def two_photos(edges=((0, 1),), scales=(1.0,), pixels=60, seed=3):
    """(truth, observations, canonical): exact edges of given scales between two photos of different focals."""
    generator, world = random(seed), poses(2, 8)
    placed = generator.uniform([0, 0], [40, 30], (2, pixels, 2))
    canonical = canonical_of([40.0, 55.0], CENTRE, generator.uniform(2, 3, (2, pixels)), np.ones((2, pixels)))
    own, relative = canonical_points(canonical, placed), relative_of(world, edges)
    said = [
        scale * np.stack([own[i], relative.pose[[e]].apply(own[j][None])[0]])
        for e, ((i, j), scale) in enumerate(zip(edges, scales, strict=True))
    ]
    count = len(edges)
    observations = Observations(
        np.array(edges),
        np.stack(said),
        np.ones((count, 2, pixels)),
        np.ones((count, 2)),
        placed,
        *np.full((2, 2), float(pixels)),
        ((40, 30),) * 2,
    )
    return world[[0]].inverse().compose(world), observations, canonical


@pytest.mark.parametrize(("edges", "scales"), [(((0, 1),), (2.5,)), (((1, 0),), (0.4,)), (((0, 1), (1, 0)), (3, 0.5))])
def test_two_photos_stand_in_the_first_ones_frame_and_units_whatever_the_edges_scales(edges, scales):
    truth, observations, canonical = two_photos(edges, scales)
    behind = replace(observations, points=observations.points.copy())
    behind.points[:, 0, :20, 2] *= -1  # behind its own camera: says nothing
    unknown = replace(canonical, weight=canonical.weight.copy(), depth=canonical.depth.copy())
    unknown.weight[:, 20:25], unknown.depth[:, 20:25] = 0, 99
    for said, own in ((observations, canonical), (behind, canonical), (observations, unknown)):
        found = two_view_poses(said, own, 0)
        assert found.scale[0] == 1 and (found.R[0] == np.eye(3)).all() and (found.translation[0] == 0).all()
        assert found.scale[1] == pytest.approx(truth.scale[1], rel=1e-5)
        assert found.R[1] == pytest.approx(truth.R[1], abs=1e-5)
        assert found.translation[1] == pytest.approx(truth.translation[1], abs=1e-4)


def test_where_no_camera_fits_the_pointmaps_are_registered_instead(monkeypatch):
    monkeypatch.setattr(two_views, "solve_pnp", lambda *arguments, **options: None)
    truth, observations, canonical = two_photos(((1, 0), (0, 1)), (3, 0.5))
    found = two_view_poses(observations, canonical, 0)
    assert found.scale[1] == pytest.approx(truth.scale[1], rel=1e-6)
    assert found.R[1] == pytest.approx(truth.R[1], abs=1e-6)
    assert found.translation[1] == pytest.approx(truth.translation[1], abs=1e-5)


def test_two_directions_are_averaged_by_score_in_turn_log_scale_and_place():
    turn = np.array([0.2, -0.1, 0.3])
    one = Similarity(np.array(2.0), rotation_from_vector(turn), np.array([1.0, 2, 3]))
    other = Similarity(np.array(8.0), rotation_from_vector(2 * turn), np.array([5.0, 2, -1]))
    mean = _mean([one, other], np.array([0.75, 0.25]))
    assert mean.scale == pytest.approx(2 ** (0.75 + 3 * 0.25))
    assert pytest.approx(rotation_from_vector(1.25 * turn)) == mean.R
    assert mean.translation == pytest.approx([2, 2, 2])


def test_the_surer_direction_decides_more():
    truth, observations, canonical = two_photos(((0, 1), (1, 0)), (1.0, 1.0))
    turned = replace(observations, points=observations.points.copy(), confidence=np.array([[3.0, 3], [1, 1]]))
    turned.points[1] = turned.points[1] @ rotation_from_vector(np.array([0, 0.1, 0])).T
    turned.points[1, 0] = observations.points[1, 0]
    off = [
        rotation_angle(two_view_poses(said, canonical, 0).R[1].T @ truth.R[1])
        for said in (turned, replace(turned, confidence=turned.confidence[::-1].copy()))
    ]
    assert off[0] == pytest.approx(0.01, rel=0.1) and off[1] == pytest.approx(0.09, rel=0.1)


def lone_photo():
    """Observations of a photo paired with itself at scale 2.5, and with another that comes first, at 0.5."""
    truth, observations, canonical = two_photos(((0, 0), (1, 0)), (2.5, 0.5))
    return truth, observations, canonical


def test_the_frames_of_a_photo_by_itself_bring_its_pointmaps_to_its_depth():
    _, observations, canonical = lone_photo()
    observations.points[0, 0, :10, 2] *= -1
    observations.weight[0, 0, 10:35] = 0
    observations.points[0, 0, 10:35] *= 7
    world, edges = lone_world(observations, canonical, 0)
    assert edges.tolist() == [0]
    assert world.frames.scale == pytest.approx([1 / 2.5])
    assert (np.eye(3) == world.R).all() and (world.centre == 0).all() and (world.depth == canonical.depth[:1]).all()
    assert (np.eye(3) == world.frames.R).all() and (world.frames.translation == 0).all()
    assert world.focal.tolist() == [40] and world.principal_point.tolist() == [[20, 15]]


def test_a_photo_that_is_only_second_is_registered_to_its_own_pointmap():
    _truth, observations, canonical = two_photos(((0, 1), (0, 1)), (0.5, 2.0))
    observations.weight[1, 1] = 0  # says nothing of it
    world, edges = lone_world(observations, canonical, 1)
    assert edges.tolist() == [0]
    assert world.frames.apply(observations.points[:1, 1])[0] == pytest.approx(
        canonical_points(canonical, observations.pixels)[1], abs=1e-6
    )
    behind = replace(observations, edges=np.array([(1, 1), (0, 1)]), points=observations.points.copy())
    behind.points[0, 0, :, 2] = -1  # first in an edge, but all of it lies behind the camera
    behind.weight[1, 1] = 1
    assert lone_world(behind, canonical, 1)[1].tolist() == [0, 1]


def test_a_photo_that_nothing_is_known_of_has_no_frames():
    _, observations, canonical = lone_photo()
    unknown = replace(canonical, known=np.array([False, True]))
    world, edges = lone_world(observations, unknown, 0)
    assert edges.size == 0 and world.frames.scale.size == 0 and len(world.depth) == 1


class Flat:
    """A prediction of two pixels."""

    edge = Edge(1, 0)

    def __init__(self, kept=True):
        self._kept = kept

    def shape(self, side):
        return 1, 2 + side

    def at(self, side, pixels):
        return np.full((len(pixels), 3), 2.0), np.full(len(pixels), 5.0 + side)

    def dense(self, side):
        return (np.full((2, 3), 3.0, np.float32), np.full(2, 7.0 + side, np.float32)) if self._kept else None


def test_depths_are_stretched_by_the_focals_ratio_and_nothing_else_is():
    stretched = Stretched(Flat(), 1.5)
    assert stretched.edge == (1, 0) and stretched.shape(0) == (1, 2) and stretched.shape(1) == (1, 3)
    points, confidence = stretched.at(1, np.arange(2))
    assert points.tolist() == [[2, 2, 3]] * 2 and confidence.tolist() == [6, 6]
    dense = stretched.dense(0)
    assert dense is not None
    points, confidence = dense
    assert points.tolist() == [[3, 3, 4.5]] * 2 and confidence.tolist() == [7, 7] and points.dtype == np.float32
    assert Stretched(Flat(kept=False), 1.5).dense(0) is None


def test_edges_are_stretched_by_their_first_photos_ratio_so_that_points_keep_their_pixels():
    _, observations, _ = two_photos(((0, 1), (1, 0)), (1.0, 1.0))
    predictions = [Flat(), Flat()]
    same, kept = with_known_focals(observations, predictions, np.ones(2))
    assert same is observations and kept == predictions
    moved, changed = with_known_focals(observations, predictions, np.array([1.0, 1.5]))
    assert changed[0] is predictions[0]
    assert isinstance(changed[1], Stretched) and changed[1].ratio == 1.5
    assert (moved.points[0] == observations.points[0]).all()
    shown, wider = (
        project(points[1, 0], np.diag([focal, focal, 1]), None)[0]
        for points, focal in ((observations.points, 40), (moved.points, 60))
    )
    assert shown == pytest.approx(wider)
