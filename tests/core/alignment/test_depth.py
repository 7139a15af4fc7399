"""Depths: what predictions say of a pixel, what fits them best, and how maps of other scales become one."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.alignment.canonical import canonical_points, fuse_depths
from dust3r.core.alignment.levelling import levelled
from dust3r.core.alignment.observations import Observations
from dust3r.core.alignment.pixel_depth import Camera, Candidates, Reading, candidates, fit
from dust3r.core.alignment.relative import edge_scales, with_every_view
from dust3r.core.geometry.pixel_sampling import spread

from .alignment_worlds import canonical_of, poses, random, relative_of


def seen_of(depth, off, weight):
    depth, off, weight = (np.array(values, np.float32) for values in (depth, off, weight))
    return Candidates(depth, off, weight, np.ones(depth.shape[1], np.float32), np.ones(depth.shape[1], np.float32))


@pytest.mark.parametrize(("distance", "p"), [("l1", 1), ("l2", 2)])
def test_the_fitted_depth_minimises_the_sum_of_distances(distance, p):
    generator = random(0)
    depth = 2 + 0.1 * generator.normal(size=(5, 40))
    seen = seen_of(depth, 0.01 * generator.random((5, 40)), generator.uniform(0.1, 2, (5, 40)))
    found = fit(seen, distance)

    def cost(d):
        return (seen.weight * ((seen.depth - d) ** 2 + seen.off) ** (p / 2)).sum(0)

    others = np.linspace(1.5, 2.5, 1001)[:, None]
    best = np.stack([cost(d) for d in others]).min(0)
    assert (cost(found) <= 1.001 * best).all()


def test_a_far_outlier_hardly_moves_a_depth_and_points_behind_the_camera_give_none():
    found = fit(seen_of([[2, -1, 2, -1], [2.01, -2, 2, 2], [90, -3, 2, 3]], np.zeros((3, 4)), np.ones((3, 4))), "l1")
    assert 2 <= found[0] < 2.03
    assert np.isnan(found[1])
    assert found[2] == 2
    nothing = fit(seen_of([[2.0]], [[0.0]], [[0.0]]), "l1")
    assert np.isnan(nothing).all()


@pytest.fixture
def readings():
    """(rays, camera, two readings): points of one photo's pixels in the frames of two edges."""
    generator = random(1)
    slopes = generator.uniform(-0.5, 0.5, (2, 30))
    rays = np.concatenate([slopes, np.ones((1, 30))]).astype(np.float32)
    place, frames = poses(1, 5), poses(2, 6)
    camera = Camera(place.R[0], place.translation[0], 40.0, np.zeros(2))
    in_camera = (rays * generator.uniform(2, 4, 30)).T + 0.1 * generator.normal(size=(2, 30, 3))
    world = in_camera @ camera.R.T + camera.centre
    points = frames.inverse().apply(world).astype(np.float32)
    confidence = generator.uniform(1, 5, (2, 30)).astype(np.float32)
    return rays, camera, [Reading(points[k], confidence[k], frames[k]) for k in (0, 1)], in_camera


def test_a_candidate_is_the_point_of_the_ray_nearest_to_what_is_predicted(readings):
    rays, camera, both, in_camera = readings
    seen = candidates(rays, camera, both)
    for m in (0, 1):
        off = (rays * seen.depth[m]).T - in_camera[m]
        assert np.abs((off * rays.T).sum(-1)).max() < 1e-4  # at a right angle to the ray
        assert (off**2).sum(-1) == pytest.approx(seen.off[m] * (rays**2).sum(0), rel=1e-3, abs=1e-6)
        assert seen.weight[m] == pytest.approx(np.log(both[m].confidence), abs=1e-4)
    assert seen.confidence == pytest.approx(np.maximum(both[0].confidence, both[1].confidence))
    assert seen.stretch == pytest.approx(np.linalg.norm(rays, axis=0), rel=1e-6)
    assert candidates(rays, camera, both, along_axis=True).depth == pytest.approx(in_camera[..., 2], rel=1e-4)


@pytest.mark.parametrize(("distance", "p"), [("l1", 1), ("l2", 2)])
def test_the_misfit_is_the_weighted_distance_of_the_points_from_the_depths_masked_ones_left_out(readings, distance, p):
    rays, camera, both, in_camera = readings
    depth, unmasked = np.full(30, 3.0, np.float32), (np.arange(30) % 3 > 0).astype(np.float32)
    depth[4] = np.nan
    found = candidates(rays, camera, both).misfit(depth, distance, unmasked)
    for m in (0, 1):
        length = np.linalg.norm((rays * depth).T - in_camera[m], axis=-1)
        each = np.log(both[m].confidence) * length**p * unmasked
        assert found[m] == pytest.approx(np.nansum(each), rel=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e13])
def test_points_that_are_no_numbers_or_absurdly_far_say_nothing(readings, bad):
    rays, camera, both, _ = readings
    points, confidence = both[0].points.copy(), both[1].confidence.copy()
    points[3], confidence[5] = bad, np.nan
    confidence[7] = 0.2
    seen = candidates(rays, camera, [replace(both[0], points=points), replace(both[1], confidence=confidence)])
    assert seen.weight[0, 3] == seen.weight[1, 5] == 0
    assert 0 < seen.weight[1, 7] < 1e-5  # unsure, but all there may be
    assert np.isfinite(fit(seen, "l1")).all() and (seen.confidence >= 1).all()
    assert seen.confidence[3] == both[1].confidence[3]
    others = np.delete(np.arange(30), [3, 5, 7])
    assert (seen.depth[:, others] == candidates(rays, camera, both).depth[:, others]).all()


def test_depth_maps_of_other_scales_are_fused_to_one_of_their_shape():
    shape, scale = random(0).uniform(1, 3, 50), np.array([1.0, 2.5, 0.4, 1.7])
    depth, weight = scale[:, None] * shape, np.ones((4, 50))
    depth[3, :20] *= 3  # outvoted
    weight[0, 30:] = 0
    fused, total = fuse_depths(depth, weight)
    assert fused / shape == pytest.approx(np.full(50, fused[0] / shape[0]), rel=1e-9)
    assert total == pytest.approx(weight.mean(0))
    weight[:, 40:] = 0
    fused, total = fuse_depths(depth, weight)
    assert (total[40:] == 0).all() and (fused[40:] > 0).all() and np.ptp(fused[40:]) == 0
    nothing, none = fuse_depths(depth, 0 * weight)
    assert (nothing == 1).all() and (none == 0).all()


def test_depths_off_by_a_smooth_factor_are_brought_level_with_the_kept_pixels():
    width, height = 64, 48
    pixels = np.unique(spread((width, height), 256))
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    truth = (2 + np.sin(9 * x) * np.cos(7 * y)).astype(np.float32).ravel()
    factor = np.exp(0.1 * x - 0.05 * y).astype(np.float32).ravel()
    kept = seen_of(truth[pixels][None], np.zeros((1, len(pixels))), np.ones((1, len(pixels))))
    found = levelled(truth / factor, (width, height), pixels, kept, "l1")
    inner = np.s_[6:-6, 6:-6]
    assert np.abs(np.log(found / truth)).reshape(height, width)[inner].max() < 0.01
    wild = kept.depth.copy()
    wild[:, ::7] *= 2  # edges of something: not what the surroundings are off by
    outvoted = levelled(truth / factor, (width, height), pixels, replace(kept, depth=wild), "l1")
    assert np.abs(np.log(outvoted / truth)).reshape(height, width)[inner].max() < 0.02
    flat = seen_of(np.full((1, len(pixels)), 3.0), np.zeros((1, len(pixels))), np.ones((1, len(pixels))))
    assert levelled(np.full(width * height, np.nan, np.float32), (width, height), pixels, flat, "l1") == pytest.approx(
        np.full(width * height, 3.0), rel=1e-5
    )


def test_depths_are_fused_again_from_the_edges_where_a_photo_is_second_too():
    generator = random(7)
    pixels, centre = generator.uniform(0, 40, (2, 20, 2)), np.array([[20.0, 15.0]] * 2)
    depth, focal, world = generator.uniform(1, 3, (2, 20)), np.array([40.0, 50.0]), poses(2, 8)
    weight = np.ones((2, 20))
    weight[1, :5] = 0  # of photo 1 by itself nothing is known there
    canonical = canonical_of(focal, centre, depth, weight)
    own = canonical_points(canonical, pixels)
    relative = relative_of(world, [(0, 1)])
    said = np.stack([own[0], relative.pose.apply(own[1][None])[0]])[None]
    observations = Observations(
        np.array([[0, 1]]),
        2.5 * said,
        np.ones((1, 2, 20)),
        np.ones((1, 2)),
        pixels,
        *np.full((2, 2), 20.0),
        ((40, 30),) * 2,
    )
    assert edge_scales(observations, canonical) == pytest.approx([2.5])
    wrong = replace(canonical, depth=np.stack([depth[0], np.where(weight[1] > 0, depth[1], 77)]))
    found = with_every_view(observations, wrong, relative)
    assert found.depth[1] / depth[1] == pytest.approx(np.full(20, found.depth[1, 0] / depth[1, 0]))
    assert (found.weight == 1).all()
    unseen = replace(observations, weight=np.concatenate([np.ones((1, 1, 20)), np.zeros((1, 1, 20))], axis=1))
    assert (with_every_view(unseen, canonical, relative).weight[1] == 0).all()
