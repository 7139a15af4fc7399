"""The alignment on analytic scenes: thresholds are what was measured, less a margin."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.settings import AlignmentSettings
from dust3r.evaluation.metrics.poses import align_cameras, pose_metrics
from dust3r.tests.aligning import align
from dust3r.tests.synthetic import noisy_scene, predictions_of, synthetic_pairs


def solve(scene, mappings, predictions, centres, settings=None, **options):
    return align(mappings, predictions, settings, principal_points=centres, **options)


def world_points(found, scene):
    """All points, brought into the true world."""
    moved, _, _ = align_cameras(found.cam2world, scene["poses"])
    points = []
    for n, depth in enumerate(found.depth):
        height, width = depth.shape
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        centre, focal, pose = found.principal_point[n], found.focal[n], found.cam2world[n]
        camera = (
            np.stack([(x - centre[0]) / focal, (y - centre[1]) / focal, np.ones(x.shape)], axis=-1) * depth[..., None]
        )
        points.append(moved.apply(camera.reshape(-1, 3) @ pose[:3, :3].T + pose[:3, 3]))
    return np.stack(points).reshape(np.shape(scene["pts"]))


def test_exact_predictions_give_exact_cameras_and_depths():
    scene, *inputs = noisy_scene(4, "none")
    found = solve(scene, *inputs)
    _, rotation, centre = align_cameras(found.cam2world, scene["poses"])
    assert rotation.max() < 1e-3
    assert centre.max() < 1e-4
    assert found.focal == pytest.approx(scene["focals"], rel=1e-4)
    assert world_points(found, scene) == pytest.approx(np.stack(scene["pts"]), abs=2e-3)
    assert found.loss < 1e-4
    assert found.warnings == ()


@pytest.mark.parametrize(("count", "seed", "auc30"), [(4, 0, 92), (4, 1, 90), (8, 0, 93), (8, 2, 93)])
def test_noisy_predictions_with_outliers_give_good_cameras(count, seed, auc30):
    scene, *inputs = noisy_scene(count, "medium", seed)
    found = solve(scene, *inputs)
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > auc30  # the published aligner: 58 to 90
    assert np.abs(found.focal / scene["focals"] - 1).max() < 0.015
    extent = np.ptp(np.quantile(np.reshape(scene["pts"], (-1, 3)), [0.02, 0.98], axis=0), axis=0)
    off = np.linalg.norm(world_points(found, scene) - np.stack(scene["pts"]), axis=-1)
    assert np.median(off) < 0.015 * np.linalg.norm(extent)


def test_refinement_lowers_the_loss_of_the_closed_form_start():
    scene, *inputs = noisy_scene(4, "medium")
    start = solve(scene, *inputs, AlignmentSettings(iterations=0))
    assert solve(scene, *inputs).loss < start.loss


def test_a_chain_of_neighbours_is_enough():
    scene, *inputs = noisy_scene(6, "low", edges=tuple(synthetic_pairs().window_edges(6, 1)))
    assert pose_metrics(solve(scene, *inputs).cam2world, scene["poses"])["auc30"] > 94


def test_one_direction_of_every_pair_is_enough():
    scene, *inputs = noisy_scene(5, "low", edges=tuple((i, j) for i in range(5) for j in range(i)))
    found = solve(scene, *inputs)
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 95
    assert np.abs(found.focal / scene["focals"] - 1).max() < 0.01  # photo 0 is never first


def test_photos_that_are_never_first_get_cameras_from_the_reference_alone():
    scene, *inputs = noisy_scene(5, "low", edges=tuple((0, j) for j in range(1, 5)), span=50)
    found = solve(scene, *inputs)
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 80
    assert np.abs(found.focal / scene["focals"] - 1).max() < 0.03  # published: 0.28


def test_one_focal_for_all_is_shared_and_right():
    scene, *inputs = noisy_scene(4, "medium", same_focal=True)
    found = solve(scene, *inputs, AlignmentSettings(shared_focal="size"))
    assert np.ptp(found.focal) < 1e-9 * found.focal[0]
    assert found.focal == pytest.approx(scene["focals"], rel=0.003)


def test_principal_points_move_towards_the_truth_on_request():
    scene, mappings, predictions, _ = noisy_scene(4, "low", pp=(59.0, 38.0))
    assumed, truth = [(56.0, 40.0)] * 4, scene["poses"]
    kept = solve(scene, mappings, predictions, assumed)
    freed = solve(scene, mappings, predictions, assumed, AlignmentSettings(optimize_principal_point=True))
    off, before = (np.abs(found.principal_point - scene["pps"]).mean() for found in (freed, kept))
    assert (kept.principal_point == assumed).all()
    assert off < 0.8 * before
    assert pose_metrics(freed.cam2world, truth)["auc30"] > pose_metrics(kept.cam2world, truth)["auc30"]


def test_cameras_are_those_of_the_photo_before_resize_and_crop():
    scene, _, predictions, _ = noisy_scene(3, "none")
    (width, height), (x, y) = scene["sizes"][0], scene["pps"][0]
    # A photo twice as large, of which the crop starts at (6, 10); the scene counts pixel centres from 0.
    mapping = PixelMapping((2 * width + 20, 2 * height + 12), (width, height), (2.0, 2.0), (6.0 - 1.0, 10.0 - 1.0))
    found = align([mapping] * 3, predictions, principal_points=[(2 * x + 6.0, 2 * y + 10.0)] * 3)
    assert found.focal == pytest.approx(2 * scene["focals"], rel=1e-4)
    assert pose_metrics(found.cam2world, scene["poses"])["auc5"] > 99.9


def test_one_focal_holds_though_the_resize_stretched_the_axes():
    scene, _, predictions, _ = noisy_scene(3, "none")
    (width, height), (x, y) = scene["sizes"][0], scene["pps"][0]
    # The photo is 1 % wider than the network saw it: the photo's pixels are square, the network's are not.
    mapping = PixelMapping((width, height), (width, height), (1.01, 1.0), (-0.505, -0.5))
    squeezed = [replace(p, points_i=p.points_i * torch.tensor([1.01, 1, 1]), points_j=p.points_j) for p in predictions]
    found = align([mapping] * 3, squeezed, AlignmentSettings(iterations=0), principal_points=[(1.01 * x, y)] * 3)
    assert found.focal == pytest.approx(scene["focals"], rel=1e-4)


def test_photos_of_different_sizes_share_a_world():
    maker = synthetic_pairs()
    scene = maker.make_scene(3, [(112, 80), (80, 112), (96, 96)], seed=1)
    predictions = predictions_of(maker.make_pairs(scene, maker.complete_edges(3), "low", 1))
    mappings = [PixelMapping(size, size, offset=(-0.5, -0.5)) for size in scene["sizes"]]
    found = align(mappings, predictions, principal_points=[tuple(p) for p in scene["pps"]])
    assert [depth.shape for depth in found.depth] == [(80, 112), (112, 80), (96, 96)]
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 95
