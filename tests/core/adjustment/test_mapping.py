"""Structure from motion on matches whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.adjustment import colmap_main
from dust3r.core.adjustment.mapping import Model, StartCamera, candidates, refined
from dust3r.core.adjustment.settings import AdjustmentSettings
from dust3r.core.adjustment.support import support
from dust3r.core.features.matching import Matches, PairMatches
from dust3r.core.geometry.rotation import rotation_from_vector

pycolmap = pytest.importorskip("pycolmap")
FOCAL, SIZE = 700.0, (800, 600)
K = np.array([[FOCAL, 0, 400], [0, FOCAL, 300], [0, 0, 1]])
SETTINGS = AdjustmentSettings()


def world2cam(angle):
    """A camera on an arc of radius 6 around (0, 0, 6), which it looks at; angle in degrees."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    pose = np.eye(4)
    pose[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    pose[:3, 3] = [0, 0, 6] - pose[:3, :3] @ [0, 0, 6]
    return pose


def matched(poses, noise=0.3, count=300, bend=0.0):
    """Matches of all pairs, of points in a box around (0, 0, 6), by a lens with a bend."""
    rng = np.random.default_rng(0)
    points = rng.uniform([-2, -1.5, 4.5], [2, 1.5, 7.5], (count, 3))
    keypoints = []
    for pose in poses:
        camera = points @ pose[:3, :3].T + pose[:3, 3]
        slopes = camera[:, :2] / camera[:, 2:]
        pixels = slopes * (1 + bend * (slopes**2).sum(1, keepdims=True)) * FOCAL + [400, 300]
        keypoints.append((pixels + rng.normal(0, noise, pixels.shape)).astype(np.float32))
    whole = np.repeat(np.arange(count, dtype=np.uint32)[:, None], 2, axis=1)
    pairs = []
    for i, j in colmap_main.all_pairs(len(poses)):
        camera = pycolmap.Camera(model="SIMPLE_PINHOLE", width=800, height=600, params=[FOCAL, 400, 300])
        options = pycolmap.TwoViewGeometryOptions()
        options.ransac.random_seed = 0
        pixels = [keypoints[k].astype(np.float64) for k in (i, j)]
        geometry = pycolmap.estimate_two_view_geometry(camera, pixels[0], camera, pixels[1], whole, options)
        pairs.append(PairMatches(i, j, np.asarray(geometry.inlier_matches, np.uint32), int(geometry.config)))
    return Matches(tuple(keypoints), tuple(pairs))


def two_places(noise=0.3):
    """Photos of two places without a common match: cameras (6, 4, 4) of both in one world, and their matches."""
    poses = np.stack([world2cam(angle) for angle in (0, 12, 24)])
    aside = np.eye(4)
    aside[:3, 3] = [-9.0, 1.0, 4.0]
    first = matched(poses, noise)
    second = matched(poses[::-1], noise)
    pairs = [replace(pair, i=pair.i + 3, j=pair.j + 3) for pair in second.pairs]
    both = Matches((*first.keypoints, *second.keypoints), (*first.pairs, *pairs))
    return np.concatenate([poses, poses[::-1] @ aside]), both


def starts(count, focal=FOCAL, **known):
    guess = np.array([[focal, 0, 400], [0, focal, 300], [0, 0, 1]])
    return [StartCamera(*SIZE, camera=0, K=guess, **known) for _ in range(count)]


def rotation_error(model, poses):
    """Greatest error of the rotations between photos, degrees."""
    found, true = model.world2cam[:, :3, :3], np.stack(poses)[:, :3, :3]
    relative = [(f @ found[0].T) @ (t @ true[0].T).T for f, t in zip(found, true, strict=True)]
    return max(np.degrees(np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1))) for R in relative)


def test_cameras_and_focal_are_found_from_matches_alone():
    poses = [world2cam(angle) for angle in (0, 12, 24, 36)]
    matches = matched(poses)
    model = next(model for model in candidates(matches, starts(4, focal=900.0), SETTINGS) if model.placed.all())
    assert rotation_error(model, poses) < 0.3
    assert model.K[0, 0, 0] == pytest.approx(FOCAL, rel=0.02)


def test_two_photos_get_their_relative_pose_with_a_known_focal():
    poses = [world2cam(0), world2cam(30)]
    models = list(candidates(matched(poses), starts(2, lens_known=True, focal_known=True), SETTINGS))
    best = colmap_main.choose(models, matched(poses), starts(2), SETTINGS)
    assert best is not None and best.placed.all()
    assert rotation_error(best, poses) < 0.5
    assert np.array_equal(best.K[0], K)


@pytest.mark.parametrize("guess", [500.0, 950.0])
def test_the_focal_of_two_photos_is_looked_for_about_the_networks(guess):
    pose = world2cam(30)
    c, s = np.cos(0.2), np.sin(0.2)
    turn = np.array([[1, 0, 0, 0], [0, c, -s, 0.4], [0, s, c, 0.3], [0, 0, 0, 1]])  # axes that meet say little of it
    poses = [world2cam(0), turn @ pose]
    matches = matched(poses, noise=0.1)
    (model,) = candidates(matches, starts(2, focal=guess), SETTINGS)
    assert model.K[0, 0, 0] == pytest.approx(FOCAL, rel=0.12)
    assert rotation_error(model, poses) < 2
    stubborn = replace(SETTINGS, focal_pull=1e6)
    (model,) = candidates(matches, starts(2, focal=guess), stubborn)
    assert model.K[0, 0, 0] == guess


def test_known_poses_stay_and_the_others_are_adjusted_to_them():
    poses = [world2cam(angle) for angle in (0, 15, 30)]
    rough = [poses[0], poses[1], world2cam(33)]
    start = [
        StartCamera(*SIZE, 0, K, lens_known=True, focal_known=True, world2cam=pose, posed=k < 2)
        for k, pose in enumerate(rough)
    ]
    (model,) = candidates(matched(poses), start, SETTINGS)
    assert model.world2cam[:2] == pytest.approx(np.stack(poses[:2]), abs=1e-12)
    assert model.world2cam[2] == pytest.approx(poses[2], abs=0.02)


def test_the_same_matches_give_the_same_bits():
    poses = [world2cam(angle) for angle in (0, 12, 24)]
    first, again = (list(candidates(matched(poses), starts(3), SETTINGS)) for _ in range(2))
    assert [model.world2cam.tobytes() for model in first] == [model.world2cam.tobytes() for model in again]


def test_it_is_told_how_far_mapping_and_refinement_are():
    matches = matched([world2cam(angle) for angle in (0, 12, 24, 36)])
    shares = []
    model = next(model for model in candidates(matches, starts(4), SETTINGS, shares.append) if model.placed.all())
    assert shares == [0.75, 1.0]
    shares.clear()
    refined(matches, starts(4), model, SETTINGS, shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_cameras_that_the_matches_do_not_support_better_are_not_taken():
    poses = [world2cam(angle) for angle in (0, 12, 24)]
    matches = matched(poses)
    known = [StartCamera(*SIZE, 0, K, world2cam=pose) for pose in poses]
    model = Model(np.stack(poses), np.stack([K] * 3), *(np.empty(0),) * 4)
    assert support(matches, model.world2cam, model.K, SETTINGS.support_error).sum() > 1500
    assert colmap_main.choose([model], matches, known, SETTINGS) is None
    assert colmap_main.choose([model], matches, starts(3), SETTINGS) is model
    assert colmap_main.choose([], matches, starts(3), SETTINGS) is None


def test_more_freedom_has_to_pay():
    poses = [world2cam(angle) for angle in (0, 12, 24)]
    matches = matched(poses)
    shared = Model(np.stack(poses), np.stack([K] * 3), *(np.empty(0),) * 4, freedom=1)
    free = Model(np.stack(poses), np.stack([K] * 3), *(np.empty(0),) * 4, freedom=3)
    assert colmap_main.choose([free, shared], matches, starts(3), SETTINGS) is shared


def found(matches, start, settings=SETTINGS):
    model = next(model for model in candidates(matches, start, settings) if model.placed.all())
    return refined(matches, start, model, settings)


@pytest.mark.parametrize("bend", [-0.06, 0.06])
def test_a_lens_that_bends_lines_is_recognised(bend):
    poses = [world2cam(angle) for angle in (0, 12, 24, 36)]
    matches = matched(poses, bend=bend)
    model = found(matches, starts(4, focal=900.0))
    assert model.bend == pytest.approx([bend] * 4, rel=0.15)
    assert model.K[0, 0, 0] == pytest.approx(FOCAL, rel=0.02)
    local = np.einsum("mij,mj->mi", model.world2cam[model.photo, :3, :3], model.points[model.point])
    local += model.world2cam[model.photo, :3, 3]
    pixels = model.K[0, 0, 0] * local[:, :2] / local[:, 2:] + [400, 300]
    assert np.median(np.linalg.norm(pixels - model.pixel, axis=1)) < 1  # where a straight lens would show them


def test_a_straight_lens_is_taken_for_straight_and_so_is_one_that_is_known():
    poses = [world2cam(angle) for angle in (0, 12, 24, 36)]
    assert not found(matched(poses), starts(4)).bend.any()
    bent = matched(poses, bend=-0.06)
    assert found(bent, starts(4)).bend.all()
    for known in ({"lens_known": True}, {"straight": True}):
        assert not found(bent, starts(4, **known)).bend.any()
    assert not found(bent, starts(4), replace(SETTINGS, distortion=False)).bend.any()


def test_a_bend_that_half_of_the_points_deny_is_not_taken():
    poses = [world2cam(angle) for angle in (0, 12, 24, 36)]
    bent, doubting = matched(poses, bend=-0.06), replace(SETTINGS, bend_spread=0.0)
    assert not found(bent, starts(4), doubting).bend.any()


def test_photos_of_two_places_are_placed_as_two_wholes_by_the_networks_rough_cameras(tmp_path):
    poses, matches = two_places()
    for number in range(len(SETTINGS.features.passes)):
        matches.save(tmp_path / colmap_main.matches_of(number))
    rng = np.random.default_rng(3)
    rough = np.linalg.inv(poses)
    rough[:, :3, 3] += rng.normal(0, 0.3, (6, 3))
    rough[:, :3, :3] = rough[:, :3, :3] @ rotation_from_vector(rng.normal(0, 0.1, (6, 3)))
    start = [replace(camera, world2cam=np.linalg.inv(pose)) for camera, pose in zip(starts(6), rough, strict=True)]
    model = colmap_main.solve(tmp_path, [""] * 6, start, colmap_main.all_pairs(6), SETTINGS)
    assert model is not None and model.placed.all()
    assert rotation_error(model, poses) < 10  # the network's, between the two
    for part in (slice(0, 3), slice(3, 6)):
        part_of = replace(model, world2cam=model.world2cam[part])
        assert rotation_error(part_of, poses[part]) < 0.3
    centres = np.linalg.inv(model.world2cam)[:, :3, 3]
    assert np.linalg.norm(centres - np.linalg.inv(poses)[:, :3, 3], axis=1).max() < 1.0
