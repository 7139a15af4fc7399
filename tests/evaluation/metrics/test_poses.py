"""Pose errors against cases that can be worked out by hand."""

import numpy as np
import pytest
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.evaluation.metrics.poses import (
    align_cameras,
    auc,
    focal_errors,
    mean_accuracy,
    pair_errors,
    pose_metrics,
    published_pair_errors,
    summarise_errors,
)


def camera(turn=(0, 0, 0), centre=(0, 0, 0)):
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(np.radians(turn)), centre
    return pose


TRUE = np.stack([camera(), camera((0, 30, 0), (1, 0, 0)), camera((10, 0, 0), (0, 2, 1)), camera((0, 0, 5), (3, 1, 2))])


def pair(turn=(0, 0, 0), centre=(0, 0, 0)):
    """A camera at the origin and another."""
    return np.stack([camera(), camera(turn, centre)])


def moved(poses, scale, turn, shift):
    """The same cameras in another world."""
    R = rotation_from_vector(np.radians(turn))
    result = poses.copy()
    result[:, :3, :3], result[:, :3, 3] = R @ poses[:, :3, :3], scale * poses[:, :3, 3] @ R.T + shift
    return result


def test_the_choice_of_world_makes_no_error():
    metrics = pose_metrics(moved(TRUE, 2.5, (20, -70, 40), [5, 6, 7]), TRUE)
    recalls = {f"{name}{degrees}" for name in ("rra", "rta") for degrees in (5, 15, 30)}
    assert set(metrics) == {"auc5", "auc10", "auc30", "maa30", *recalls}
    assert list(metrics.values()) == pytest.approx([100] * 10, abs=1e-4)


def test_a_turned_camera_is_off_by_its_turn_and_turns_what_it_sees():
    found = np.stack([camera((0, 12, 0)), camera((0, 0, 0), (0, 0, 1))])
    true = pair((0, 0, 0), (0, 0, 1))
    rotation, direction = pair_errors(found, true)
    assert rotation == pytest.approx([12])
    assert direction == pytest.approx([12])


def test_a_shifted_camera_is_off_in_direction_alone():
    rotation, direction = pair_errors(pair((0, 0, 0), (0, 1, 1)), pair((0, 0, 0), (0, 0, 1)))
    assert rotation == pytest.approx([0], abs=1e-9)
    assert direction == pytest.approx([45])


def test_an_opposite_direction_is_half_a_turn_off():
    _, direction = pair_errors(pair((0, 0, 0), (0, 0, -2)), pair((0, 0, 0), (0, 0, 1)))
    assert direction == pytest.approx([180])


def test_cameras_truly_in_one_place_have_no_direction_to_miss():
    _, direction = pair_errors(pair((0, 5, 0), (0, 0, 1)), pair((0, 5, 0)))
    assert direction == pytest.approx([0])


def test_auc_is_the_exact_area_under_the_recall():
    assert auc(np.array([0.0, 15, 45]), 30) == pytest.approx(100 * (1 + 0.5 + 0) / 3)


def test_shares_and_means_over_thresholds_are_counted_by_hand():
    found = np.stack([camera((0, 20.5, 0)), camera((0, 0, 0), (0, 0, 1))])
    true = pair((0, 0, 0), (0, 0, 1))
    metrics = pose_metrics(found, true)
    assert metrics["rra15"] == metrics["rta15"] == metrics["auc5"] == 0
    assert metrics["maa30"] == pytest.approx(100 * 10 / 30)  # below 21, 22, ..., 30 degrees
    assert metrics["auc30"] == pytest.approx(100 * 9.5 / 30)


def test_recalls_are_shares_of_pairs_strictly_below_the_chosen_degrees():
    figures = summarise_errors(np.array([1.0, 5, 14, 180]), np.array([4.0, 0, 31, 180]), (5, 14.5, 30))
    assert {key: figures[key] for key in figures if key.startswith("r")} == {
        **{"rra5": 25, "rra14.5": 75, "rra30": 75},
        **{"rta5": 50, "rta14.5": 50, "rta30": 50},
    }


def test_the_mean_accuracy_is_the_mean_of_the_published_cumulated_histogram():
    errors = np.random.default_rng(0).uniform(0, 60, 500)
    share = np.histogram(errors, bins=np.arange(31))[0] / len(errors)
    assert mean_accuracy(errors, 30) == pytest.approx(100 * np.cumsum(share).mean())


def test_the_mean_accuracy_is_the_area_rounded_up_to_whole_degrees():
    errors = np.array([0.0, 0.5, 12.25, 29.9, 44])
    assert mean_accuracy(errors, 30) == pytest.approx(auc(np.floor(errors), 30))
    assert auc(errors, 30) <= mean_accuracy(errors, 30) <= auc(errors, 30) + 100 / 30


def test_the_published_protocol_forgives_the_opposite_direction():
    true, found = pair((0, 0, 0), (0, 0, 1)), pair((0, 0, 0), (0, 1, -1))
    assert pair_errors(found, true)[1] == pytest.approx([135])
    assert published_pair_errors(found, true)[1] == pytest.approx([45])


def test_the_published_protocol_looks_back_from_the_second_camera():
    found, true = pair((0, 12, 0), (0, 0, 1)), pair((0, 0, 0), (0, 0, 1))
    assert pair_errors(found, true)[1] == pytest.approx([0])
    assert published_pair_errors(found, true) == (pytest.approx([12]), pytest.approx([12]))


def test_a_focal_is_compared_with_the_truth_in_percent():
    true = np.tile(np.diag([100.0, 100, 1]), (3, 1, 1))
    found = np.stack([np.diag([110.0, 110, 1]), np.diag([80.0, 80, 1]), np.diag([200.0, 50, 1])])
    assert focal_errors(found, true) == pytest.approx([10, 20, 0])


def test_aligning_cameras_finds_the_world_they_were_moved_to():
    similarity, rotation, centre = align_cameras(moved(TRUE, 0.4, (50, 60, -70), [1, 2, 3]), TRUE)
    assert similarity.scale == pytest.approx(2.5)
    assert rotation == pytest.approx(np.zeros(4), abs=1e-5)
    assert centre == pytest.approx(np.zeros(4), abs=1e-9)


def test_one_misplaced_camera_shows_as_such():
    found = TRUE.copy()
    found[3, :3, 3] += [0, 0, 0.2]
    _, _, centre = align_cameras(found, TRUE)
    assert centre.argmax() == 3
    assert centre.max() < 0.2
