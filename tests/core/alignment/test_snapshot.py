"""What is seen of an alignment while it goes on: where photos stand, and which of their points are shown."""

import numpy as np
import pytest
from dust3r.core.alignment.dense import DenseDepth
from dust3r.core.alignment.objective import World
from dust3r.core.alignment.pixel_depth import Camera
from dust3r.core.alignment.snapshot import FEWEST, Sight
from dust3r.core.alignment.standing import ENOUGH, MOST_POINTS, Standing
from dust3r.core.geometry.pixel_sampling import spread
from dust3r.core.geometry.similarity import Similarity
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.settings import AUTO_HIDDEN

from .alignment_worlds import poses

MAPPING = PixelMapping((200, 120), (48, 32), (3.5, 3.0), (16, 4))


class Watcher:
    """Keeps what it is told."""

    def __init__(self):
        self.standings, self.done = [], []

    def stand(self, standings):
        self.standings += standings

    def placed(self, photos):
        self.done += photos


def standing_of(depth, chosen, every_depth=None):
    place = poses(1, 5)[0]
    chosen, depth = np.array(chosen), np.array(depth, float)
    every_depth = depth if every_depth is None else every_depth
    return Standing(7, place.R, place.translation, 80.0, np.array([90.0, 55.0]), MAPPING, chosen, depth, every_depth, 3)


def pixels_and_depths(standing, points):
    """Where world points project into a standing's photo, and how deep they are."""
    x, y, z = ((points - standing.centre) @ standing.R).T
    (cx, cy), f = standing.principal_point, standing.focal
    return np.stack([f * x / z + cx, f * y / z + cy], axis=-1), z


def test_points_of_a_standing_photo_project_onto_their_pixels_at_their_depths():
    chosen = [0, 47, 48, 48 * 32 - 1, 48 * 10 + 5]
    standing = standing_of([2, 3, 4, 5, 6], chosen)
    pixels, depth = pixels_and_depths(standing, standing.points)
    assert pixels == pytest.approx(MAPPING.photo_pixels().reshape(-1, 2)[chosen])
    assert depth == pytest.approx([2, 3, 4, 5, 6])


def test_the_outline_is_the_centre_and_the_corners_of_what_the_network_sees_in_turn():
    standing = standing_of([1.0], [0])
    outline = standing.outline(2.5)
    assert (outline[0] == standing.centre).all()
    pixels, depth = pixels_and_depths(standing, outline[1:])
    assert depth == pytest.approx(np.full(4, 2.5))
    assert pixels == pytest.approx(np.array([(16, 4), (184, 4), (184, 100), (16, 100)]))


def test_a_photos_place_is_its_camera_and_the_median_of_every_depth_however_few_are_shown():
    standing = standing_of([50.0], [0], np.arange(1.0, 8)[None])
    place = standing.placement
    assert (place.cam2world[:3, :3] == standing.R).all() and (place.cam2world[:3, 3] == standing.centre).all()
    assert (place.cam2world[3] == [0, 0, 0, 1]).all()
    assert place.depth == 4 and place.component == 3
    many = np.where(np.arange(2 * ENOUGH) % 3, 1.0, 5.0)  # every third pixel is enough, and here all alike
    assert standing_of([50.0], [0], many.reshape(2, -1)).placement.depth == 5
    fewer = np.where(np.arange(2 * ENOUGH - 2) % 2, 1.0, 5.0)
    assert standing_of([50.0], [0], fewer).placement.depth == 5


def sight_of(watcher, count=2, mask=None):
    mappings = [MAPPING] * count
    return Sight(watcher, mappings, [mask, *[None] * (count - 1)], np.arange(count) + 4)


def test_the_surest_three_quarters_of_the_looked_at_pixels_of_all_photos_are_shown():
    watcher, where = Watcher(), poses(2, 6)
    weight = np.arange(16.0).reshape(2, 8) / 4
    weight[1, 2] = 0
    depth = np.arange(1.0, 17).reshape(2, 8)
    world = World(where.R, where.translation, np.array([80.0, 90]), np.array([[90.0, 55], [80, 50]]), depth, where)
    sight_of(watcher).stand(np.array([1, 0]), world, weight)
    first, second = watcher.standings
    assert (first.photo, second.photo) == (1, 0) and (first.component, second.component) == (5, 4)
    least = np.quantile(weight, AUTO_HIDDEN)
    pixels = spread(MAPPING.view_size, 8)
    for n, standing in enumerate((first, second)):
        shown = weight[n] >= least
        assert standing.chosen.tolist() == pixels[shown].tolist()
        assert standing.depth.tolist() == depth[n][shown].tolist()
        assert standing.every_depth.tolist() == depth[n].tolist()
        assert (where.R[n] == standing.R).all() and (standing.centre == where.translation[n]).all()
        assert standing.focal == world.focal[n] and (standing.principal_point == world.principal_point[n]).all()
    watcher.standings.clear()
    sight_of(watcher).stand(np.array([0]), world, np.zeros((2, 8)))
    assert watcher.standings[0].chosen.size == 0  # what nothing is known of is not shown
    watcher.standings.clear()
    sight_of(watcher).stand(np.array([0]), world, np.ones((2, 8)))
    assert watcher.standings[0].chosen.size == 8


@pytest.mark.parametrize("masked", [False, True])
def test_a_finished_photo_shows_its_surest_unmasked_pixels_once(masked):
    mask = np.ones((32, 48), bool)
    mask[:, :20] = not masked
    watcher, count = Watcher(), 200
    share = int(MOST_POINTS / (1 - AUTO_HIDDEN)) // count
    assert share > FEWEST
    generator, place = np.random.default_rng(0), poses(1, 7)[0]
    depth, confidence = generator.uniform(1, 2, (32, 48)), generator.uniform(1, 9, (32, 48))
    dense = DenseDepth(depth, confidence, np.zeros(2), np.zeros(2))
    sight_of(watcher, count, mask).place(0, Camera(place.R, place.translation, 80.0, np.array([90.0, 55])), dense)
    chosen = spread(MAPPING.view_size, share)
    sure = confidence.ravel()[chosen]
    shown = chosen[(sure >= np.quantile(sure, AUTO_HIDDEN)) & mask.ravel()[chosen]]
    (standing,) = watcher.standings
    assert standing.chosen.tolist() == shown.tolist() and 0.4 < len(shown) / share < 0.8
    assert standing.depth.tolist() == depth.ravel()[shown].tolist()
    assert (standing.every_depth == depth).all() and standing.component == 4
    assert watcher.done == [0]


def test_a_finished_photo_of_very_many_is_shown_with_a_few_points_all_the_same():
    watcher, place = Watcher(), poses(1, 7)[0]
    ones = np.ones((32, 48), np.float32)
    camera = Camera(place.R, place.translation, 80.0, np.zeros(2))
    sight_of(watcher, 10 * MOST_POINTS // FEWEST).place(3, camera, DenseDepth(ones, ones, np.zeros(2), np.zeros(2)))
    assert watcher.standings[0].chosen.tolist() == spread(MAPPING.view_size, FEWEST).tolist()


def test_nobody_watching_is_told_nothing():
    where = poses(1, 6)
    world = World(
        where.R, where.translation, np.ones(1), np.ones((1, 2)), np.ones((1, 8)), Similarity(*[np.ones(1)] * 3)
    )
    sight_of(None).stand(np.array([0]), world, np.ones((1, 8)))
    ones = np.ones((32, 48), np.float32)
    camera = Camera(where.R[0], where.translation[0], 80.0, np.zeros(2))
    sight_of(None).place(0, camera, DenseDepth(ones, ones, np.zeros(2), np.zeros(2)))
