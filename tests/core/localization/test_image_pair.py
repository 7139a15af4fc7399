"""Focals, matches and relative poses as the network's word on two photos gives them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dust3r.core.geometry.relative_pose import relative_pose
from dust3r.core.localization.image_pair import PhotoPair
from dust3r.evaluation.metrics.poses import pair_errors
from dust3r.tests.core.pair_scene import pairs_with, view_of
from dust3r.tests.synthetic import golden_scene


def pose_error(found, poses):
    """The larger of the errors of turn and of the direction of travel, degrees."""
    return max(float(error[0]) for error in pair_errors(np.stack([np.eye(4), found]), np.asarray(poses)))


@pytest.fixture
def exact():
    """(the pair of known photo 0 with photo 3, both cam2world, focal of photo 3)."""
    known, pairs, pose, focal = pairs_with(3)
    return pairs[0], (known[0].cam2world, pose), focal


def test_the_focals_are_those_of_the_pointmaps(exact):
    pair, _, focal = exact
    assert pair.turned.camera().focal == pytest.approx(focal, rel=1e-4)
    assert pair.camera(77.0).focal == 77


@pytest.mark.parametrize("method", ["essential", "procrustes", "pnp"])
def test_exact_pointmaps_give_the_true_pose_by_every_method(exact, method):
    pair, poses, _ = exact
    found = relative_pose(pair.two_views(pair.matches()), method)
    assert pose_error(found.cam2world, poses) < 0.5


def test_all_methods_count_in_the_units_of_the_first_photos_pointmap(exact):
    pair, _, _ = exact
    views = pair.two_views(pair.matches())
    lengths = [np.linalg.norm(relative_pose(views, method).cam2world[:3, 3]) for method in ("procrustes", "pnp")]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.01)
    essential = np.linalg.norm(relative_pose(views, "essential").cam2world[:3, 3])
    assert essential == pytest.approx(lengths[1], rel=0.02)  # matched pixels are up to half a pixel off


def test_matched_pixels_of_exact_pointmaps_show_the_same_point(exact):
    pair, _, _ = exact
    matches = pair.matches(1.0)
    own, other = (pair.forward.dense(side)[0] for side in (0, 1))
    apart = np.linalg.norm(own[matches.at_a] - other[matches.at_b], axis=1)
    assert len(matches.at_a) > 500
    assert np.median(apart / np.linalg.norm(own[matches.at_a], axis=1)) < 0.02


def test_masked_pixels_are_not_matched(exact):
    pair, _, _ = exact
    mask = np.zeros(pair.forward.shape(0), bool)
    mask[:, :50] = True
    masked = PhotoPair((view_of(0, pair.mappings[0], mask), pair.views[1]), pair.forward, pair.backward)
    found = masked.matches(1.0)
    assert len(found.at_a)
    assert mask.reshape(-1)[found.at_a].all()


def test_turning_a_pair_round_turns_its_pose_round(exact):
    pair, _, _ = exact
    there, back = (relative_pose(one.two_views(one.matches()), "pnp").cam2world for one in (pair, pair.turned))
    np.testing.assert_allclose(there[:3, :3] @ back[:3, :3], np.eye(3), atol=0.01)


def test_in_the_direction_that_the_published_viewer_chose_pnp_is_no_worse_than_it(golden):
    data, mappings, (forward, backward), _ = golden_scene(golden / "pair_viewer.npz")
    pair = PhotoPair(tuple(view_of(k, mapping) for k, mapping in enumerate(mappings)), forward, backward)
    first = next(k for k, pose in enumerate(data["out.poses"]) if (pose == np.eye(4)).all())
    pair, second = pair.turned if first else pair, 1 - first
    true, published = (data[name].astype(np.float64)[[first, second]] for name in ("in.gt_poses", "out.poses"))
    found = relative_pose(pair.two_views(pair.matches()), "pnp")
    assert pose_error(found.cam2world, true) < 1.05 * pose_error(published[1], true)


def test_pixels_that_are_not_finite_are_passed_over(exact):
    pair, poses, _ = exact
    points = pair.forward.points_j.clone()
    points[:10] = torch.nan
    damaged = PhotoPair(pair.views, replace(pair.forward, points_j=points), pair.backward)
    found = relative_pose(damaged.two_views(damaged.matches()), "pnp")
    assert pose_error(found.cam2world, poses) < 0.5
