"""Estimates of an alignment's photos while it goes on: their cameras, and which of their points are shown."""

import numpy as np
import pytest
from dust3r.core.alignment.dense import DenseDepth
from dust3r.core.alignment.estimate import (
    ENOUGH,
    FEWEST_POINTS,
    MOST_POINTS,
    PhotoEstimate,
    final_estimate,
    ignore,
    sampled_estimates,
)
from dust3r.core.alignment.objective import World
from dust3r.core.alignment.pixel_depth import Camera
from dust3r.core.geometry.pixel_sampling import spread
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.settings import AUTO_HIDDEN
from dust3r.tests.aligning import alignment_photos

from .alignment_worlds import poses

MAPPING = PixelMapping((200, 120), (48, 32), (3.5, 3.0), (16, 4))


def estimate_of(depth, chosen, every_depth=None):
    place = poses(1, 5)[0]
    chosen, depth = np.array(chosen), np.array(depth, float)
    every_depth = depth if every_depth is None else every_depth
    return PhotoEstimate(
        7, place.R, place.translation, 80.0, np.array([90.0, 55.0]), MAPPING, chosen, depth, every_depth, 3
    )


def pixels_and_depths(estimate, points):
    """Where world points project into a estimate's photo, and how deep they are."""
    x, y, z = ((points - estimate.centre) @ estimate.R).T
    (cx, cy), f = estimate.principal_point, estimate.focal
    return np.stack([f * x / z + cx, f * y / z + cy], axis=-1), z


def test_points_of_a_estimate_photo_project_onto_their_pixels_at_their_depths():
    chosen = [0, 47, 48, 48 * 32 - 1, 48 * 10 + 5]
    estimate = estimate_of([2, 3, 4, 5, 6], chosen)
    pixels, depth = pixels_and_depths(estimate, estimate.points)
    assert pixels == pytest.approx(MAPPING.photo_pixels().reshape(-1, 2)[chosen])
    assert depth == pytest.approx([2, 3, 4, 5, 6])


def test_the_outline_is_the_centre_and_the_corners_of_what_the_network_sees_in_turn():
    estimate = estimate_of([1.0], [0])
    outline = estimate.outline(2.5)
    assert (outline[0] == estimate.centre).all()
    pixels, depth = pixels_and_depths(estimate, outline[1:])
    assert depth == pytest.approx(np.full(4, 2.5))
    assert pixels == pytest.approx(np.array([(16, 4), (184, 4), (184, 100), (16, 100)]))


def test_a_photos_place_is_its_camera_and_the_median_of_every_depth_however_few_are_shown():
    estimate = estimate_of([50.0], [0], np.arange(1.0, 8)[None])
    place = estimate.placement
    assert (place.cam2world[:3, :3] == estimate.R).all() and (place.cam2world[:3, 3] == estimate.centre).all()
    assert (place.cam2world[3] == [0, 0, 0, 1]).all()
    assert place.depth == 4 and place.component == 3
    many = np.where(np.arange(2 * ENOUGH) % 3, 1.0, 5.0)  # every third pixel is enough, and here all alike
    assert estimate_of([50.0], [0], many.reshape(2, -1)).placement.depth == 5
    fewer = np.where(np.arange(2 * ENOUGH - 2) % 2, 1.0, 5.0)
    assert estimate_of([50.0], [0], fewer).placement.depth == 5


def sampled(numbers, world, weight):
    """The estimates of some of two photos in components 4 and 5."""
    photos = alignment_photos([MAPPING] * 2)
    return list(sampled_estimates(photos, np.arange(2) + 4, np.array(numbers), lambda: world, weight))


def final(number, camera, dense, count=2, mask=None):
    """The estimate of one of some photos, the first of which has a mask, in components from 4 on."""
    photos = alignment_photos([MAPPING] * count, mask=[mask, *[None] * (count - 1)])
    return list(final_estimate(photos, np.arange(count) + 4, number, camera, dense))


def test_the_surest_three_quarters_of_the_looked_at_pixels_of_all_photos_are_shown():
    where = poses(2, 6)
    weight = np.arange(16.0).reshape(2, 8) / 4
    weight[1, 2] = 0
    depth = np.arange(1.0, 17).reshape(2, 8)
    world = World(where.R, where.translation, np.array([80.0, 90]), np.array([[90.0, 55], [80, 50]]), depth, where)
    first, second = sampled([1, 0], world, weight)
    assert (first.photo, second.photo) == (1, 0) and (first.component, second.component) == (5, 4)
    least = np.quantile(weight, AUTO_HIDDEN)
    pixels = spread(MAPPING.view_size, 8)
    for n, estimate in enumerate((first, second)):
        shown = weight[n] >= least
        assert estimate.chosen.tolist() == pixels[shown].tolist()
        assert estimate.depth.tolist() == depth[n][shown].tolist()
        assert estimate.every_depth.tolist() == depth[n].tolist()
        assert (where.R[n] == estimate.R).all() and (estimate.centre == where.translation[n]).all()
        assert estimate.focal == world.focal[n] and (estimate.principal_point == world.principal_point[n]).all()
    assert sampled([0], world, np.zeros((2, 8)))[0].chosen.size == 0  # what nothing is known of is not shown
    assert sampled([0], world, np.ones((2, 8)))[0].chosen.size == 8


@pytest.mark.parametrize("masked", [False, True])
def test_a_finished_photo_shows_its_surest_unmasked_pixels_once(masked):
    mask = np.ones((32, 48), bool)
    mask[:, :20] = not masked
    count = 200
    share = int(MOST_POINTS / (1 - AUTO_HIDDEN)) // count
    assert share > FEWEST_POINTS
    generator, place = np.random.default_rng(0), poses(1, 7)[0]
    depth, confidence = generator.uniform(1, 2, (32, 48)), generator.uniform(1, 9, (32, 48))
    dense = DenseDepth(depth, confidence, np.zeros(2), np.zeros(2))
    camera = Camera(place.R, place.translation, 80.0, np.array([90.0, 55]))
    chosen = spread(MAPPING.view_size, share)
    sure = confidence.ravel()[chosen]
    shown = chosen[(sure >= np.quantile(sure, AUTO_HIDDEN)) & mask.ravel()[chosen]]
    (estimate,) = final(0, camera, dense, count, mask)
    assert estimate.chosen.tolist() == shown.tolist() and 0.4 < len(shown) / share < 0.8
    assert estimate.depth.tolist() == depth.ravel()[shown].tolist()
    assert (estimate.every_depth == depth).all() and estimate.component == 4


def test_a_finished_photo_of_very_many_is_shown_with_a_few_points_all_the_same():
    place = poses(1, 7)[0]
    ones = np.ones((32, 48), np.float32)
    camera = Camera(place.R, place.translation, 80.0, np.zeros(2))
    dense = DenseDepth(ones, ones, np.zeros(2), np.zeros(2))
    (estimate,) = final(3, camera, dense, 10 * MOST_POINTS // FEWEST_POINTS)
    assert estimate.chosen.tolist() == spread(MAPPING.view_size, FEWEST_POINTS).tolist()


def test_without_an_observer_no_estimate_is_made():
    estimates = iter(["untouched"])
    ignore(estimates, [0])
    assert list(estimates) == ["untouched"]
