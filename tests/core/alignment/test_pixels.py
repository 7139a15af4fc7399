"""From predictions to the numbers that the alignment works on, and back to every pixel's depth: small cases by hand."""

import numpy as np
import pytest
from dust3r.core.alignment import dense
from dust3r.core.alignment import observations as observing
from dust3r.core.alignment.dense import NEAREST, Side, _filled, fuse_depth
from dust3r.core.alignment.estimate import ignore
from dust3r.core.alignment.initialize import place_world
from dust3r.core.alignment.levelling import MOST, REACH, levelled
from dust3r.core.alignment.objective import World, pixel_weight, residuals
from dust3r.core.alignment.observations import ABSURD, FARTHEST, FEWEST_PIXELS, PIXELS_PER_PHOTO, TOTAL_PIXELS
from dust3r.core.alignment.parts import Part
from dust3r.core.alignment.pixel_depth import SURE_OF_NOTHING, Camera, Candidates, _lost
from dust3r.core.alignment.result import finish
from dust3r.core.alignment.steps import Steps
from dust3r.core.alignment.uncertainty import Appraisal, PairUncertainty, Uncertainty
from dust3r.core.geometry.pixel_sampling import KEPT
from dust3r.core.geometry.similarity import Similarity
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.scene_graph.edges import Edge
from dust3r.core.settings import AlignmentSettings
from dust3r.tests.aligning import alignment_photos, sample

from .alignment_worlds import assert_same_world, poses, random, relative_of
from .test_lone_and_two import two_photos


class Kept:
    """A prediction of arrays: of sides (points (P, 3), confidence (P,)), dense or not."""

    def __init__(self, edge, sides, size, dense=True):
        self.edge, self._sides, self._size, self._dense = Edge(*edge), sides, size, dense

    def shape(self, side):
        return self._size[::-1]

    def at(self, side, pixels):
        points, confidence = self._sides[side]
        return points[pixels], confidence[pixels]

    def dense(self, side):
        return tuple(values.astype(np.float32) for values in self._sides[side]) if self._dense else None


def looked_at(points, confidence, side=0, mask=None):
    """What the alignment takes of a side's pixels: points (P, 3) and confidence (P,)."""
    points, confidence = np.array(points, float), np.array(confidence, float)
    prediction = Kept((0, 1), [(points, confidence)] * 2, (len(points), 1))
    mask = None if mask is None else np.array([mask])
    return observing._at(prediction, side, np.arange(len(points)), mask)


def test_pixels_whose_numbers_are_none_or_beyond_all_reason_have_no_point_and_confidence_1():
    good = [1.0, 2, 3]
    bad = [[np.nan, 2, 3], [1, np.inf, 3], [FARTHEST, 0, 1], [0, -FARTHEST, 1]]
    points, confidence = looked_at([good, *bad, good, good], [5, 5, 5, 5, 5, np.inf, 0.5])
    assert points.tolist() == [good, *[[0, 0, 0]] * 5, good]
    assert confidence.tolist() == [5, 1, 1, 1, 1, 1, 1]


def test_points_behind_the_first_photos_own_camera_say_nothing_and_behind_anothers_they_do():
    points = [[1.0, 2, 3], [1, 2, 0], [1, 2, -1]]
    assert looked_at(points, [5, 5, 5])[1].tolist() == [5, 1, 1]
    assert looked_at(points, [5, 5, 5], side=1)[1].tolist() == [5, 5, 5]


def test_points_a_thousand_times_as_far_as_usual_say_nothing():
    usual = [[0.0, 0, 2], [0, 0, 2], [0, 0, 2]]
    far = [[0.0, 0, 2 * ABSURD], [0, 0, 2.01 * ABSURD]]
    assert looked_at([*usual, *far], [5] * 5)[1].tolist() == [5, 5, 5, 5, 1]
    assert looked_at([[np.nan] * 3] * 2, [5, 5])[1].tolist() == [1, 1]


def test_masked_pixels_say_nothing():
    assert looked_at([[0.0, 0, 1]] * 3, [5, 6, 7], mask=[True, False, True])[1].tolist() == [5, 1, 7]


def flat(size, depth, confidence):
    """A side of a photo: all pixels at one depth."""
    count = size[0] * size[1]
    return np.tile([0.0, 0, depth], (count, 1)), np.full(count, float(confidence))


def sampled(edges, sizes, masks=None):
    """(observations, calls) of edges whose side k is at depth 2 + k with confidence 3 + k."""
    mappings = [PixelMapping((2 * w, 2 * h), (w, h), (2.0, 2.0)) for w, h in sizes]
    predictions = [
        Kept(edge, [flat(sizes[photo], 2 + k, 3 + k) for k, photo in enumerate(edge)], sizes[edge[0]]) for edge in edges
    ]
    calls = []
    return sample(mappings, predictions, masks or [None] * len(sizes), lambda: calls.append(1)), calls


@pytest.mark.parametrize(
    ("pairs", "count"),
    [(1, PIXELS_PER_PHOTO), (TOTAL_PIXELS // (2 * 300), 300), (2 * TOTAL_PIXELS, FEWEST_PIXELS)],
)
def test_many_edges_need_fewer_pixels_each(pairs, count, monkeypatch):
    if pairs > 1000:  # as many with fewer
        monkeypatch.setattr(observing, "TOTAL_PIXELS", 2)
        pairs = 2
    found, calls = sampled([(0, 1)] * pairs, [(32, 24)] * 2)
    assert found.points.shape == (pairs, 2, count, 3) and len(calls) == pairs


def test_a_sample_has_of_every_photo_its_pixels_points_and_log_confidence():
    mask = np.ones((4, 6), bool)
    mask[0] = False
    found, _ = sampled([(0, 1), (1, 0), (1, 1)], [(6, 4), (3, 2)], [mask, np.zeros((2, 3), bool)])
    assert found.points.shape == (3, 2, 24, 3)  # the larger photo's pixels; the smaller one's last is repeated
    assert found.area.tolist() == [24, 6] and found.sampled.tolist() == [24, 6]
    assert found.edges.tolist() == [[0, 1], [1, 0], [1, 1]] and found.sizes == ((12, 8), (6, 4))
    weight = np.where(np.arange(24) < 6, 0, np.log(3))
    assert found.weight[0, 0] == pytest.approx(weight) and (found.weight[0, 1] == 0).all()
    assert found.weight[1, 1] == pytest.approx(np.where(np.arange(24) < 6, 0, np.log(4)))
    assert found.confidence == pytest.approx(np.array([[3, 0], [0, 4], [0, 0]]))
    assert found.score == pytest.approx([0, 0, 0])
    assert found.pixels[0, 7].tolist() == [3, 3] and found.pixels[1, 5].tolist() == [5, 3]
    unmasked, _ = sampled([(0, 1)], [(6, 4), (3, 2)])
    assert unmasked.weight[0, 1] == pytest.approx(np.where(np.arange(24) < 6, np.log(4), 0))
    assert unmasked.score == pytest.approx([12])
    assert pixel_weight(unmasked)[0].sum(-1) == pytest.approx(np.log([3, 4]))


@pytest.mark.filterwarnings("ignore:overflow")  # which is how it is seen
@pytest.mark.parametrize("where", range(3))
def test_what_is_no_number_or_too_far_is_lost_and_nothing_else(where):
    fine = [np.full(4, value, np.float32) for value in (1e11, 1e17, 1e17)]
    assert not _lost(*fine).any()
    bad = [values.copy() for values in fine]
    bad[where][2] = (2e12, 2e24, np.inf)[where]
    assert _lost(*bad).tolist() == [False, False, True, False]
    bad[where][2] = np.nan
    assert _lost(*bad).tolist() == [False, False, True, False]
    if where == 0:
        bad[0][2] = -2e12
        assert _lost(*bad).tolist() == [False, False, True, False]


def seen_of(depth):
    ones = np.ones(len(depth), np.float32)
    return Candidates(np.array([depth], np.float32), np.zeros((1, len(depth)), np.float32), ones[None], ones, ones)


def test_a_kept_pixel_speaks_for_its_surroundings_as_a_gaussian_of_its_distance():
    size, pixels = (7, 5), np.array([8, 26])  # (1, 1) and (5, 3)
    ratio = np.array([1.1, 0.95])
    found = levelled(np.ones(35, np.float32), size, pixels, seen_of(ratio), "l1").reshape(5, 7)
    radius = REACH * np.sqrt(35 / 2)
    x, y = np.meshgrid(np.arange(7), np.arange(5))
    share = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / radius**2 / 2) for a, b in ((1, 1), (5, 3))]
    expected = np.exp((share[0] * np.log(1.1) + share[1] * np.log(0.95)) / (share[0] + share[1]))
    assert found == pytest.approx(expected, rel=1e-5)
    for off, used in ((0.99 * MOST, True), (1.01 * MOST, False)):
        found = levelled(np.ones(35, np.float32), size, pixels, seen_of([1, np.exp(off)]), "l1")
        assert (np.ptp(found) > 0.01) == used


def test_what_is_nowhere_known_gets_the_depth_of_the_kept_pixels_alone_and_part_of_it_that_of_the_rest():
    size, pixels = (7, 5), np.array([8, 26])
    nothing = np.full(35, np.nan, np.float32)
    assert levelled(nothing, size, pixels, seen_of([3, 3]), "l1") == pytest.approx(np.full(35, 3.0), rel=1e-5)
    half = np.where(np.arange(35) < 20, np.nan, 2).astype(np.float32)
    found = levelled(half, size, pixels, seen_of([2.2, 2.2]), "l1")
    assert np.isnan(found[:20]).all() and found[20:] == pytest.approx(np.full(15, 2.2), rel=1e-5)


def test_pixels_of_no_depth_get_the_median_and_none_comes_out_too_near():
    depth = np.array([1, 2, 3, np.nan, 1e-9], np.float32)
    found = _filled(depth)
    assert found.tolist() == pytest.approx([1, 2, 3, 1.5, NEAREST * 1.5])
    assert _filled(np.full(3, np.nan, np.float32)).tolist() == [1, 1, 1]


SIZE = (6, 4)
MAPPING = PixelMapping((12, 8), SIZE, (2.0, 2.0))


def sides_of(camera, depths, confidences, dense, edges=None):
    """Sides of one photo, seen along its rays at these depths from edges that stand elsewhere."""
    rays = np.concatenate(
        [(MAPPING.photo_pixels().reshape(-1, 2) - camera.principal_point) / camera.focal, np.ones((24, 1))], axis=1
    )
    frames, sides = poses(len(depths), 3), []
    for k, (depth, confidence) in enumerate(zip(depths, confidences, strict=True)):
        points = frames[[k]].inverse().apply((rays * depth @ camera.R.T + camera.centre)[None])[0]
        side = 0 if edges is None else edges[k]
        both = [(points, np.broadcast_to(confidence, 24).astype(float))] * 2
        sides.append(Side(Kept((0, 0), both, SIZE, dense[k]), side, frames[k]))
    return sides, np.linalg.norm(rays, axis=1)


@pytest.fixture
def camera():
    place = poses(1, 9)[0]
    return Camera(place.R, place.translation, 10.0, np.array([6.0, 4]))


@pytest.mark.parametrize(("distance", "p"), [("l1", 1), ("l2", 2)])
def test_a_fused_photo_has_a_misfit_for_being_first_and_one_for_being_second(camera, distance, p):
    sides, stretch = sides_of(camera, [2.0, 2.0, 2.3], [9, np.linspace(2, 12, 24), 1.2], [True] * 3, (0, 0, 1))
    mask, steps = np.arange(24).reshape(4, 6) % 5 > 0, []
    found = fuse_depth(MAPPING, camera, sides, distance, mask, lambda: steps.append(1))
    log = np.log([np.full(24, 9), np.linspace(2, 12, 24), np.full(24, 1.2)])
    expected = np.full(24, 2.0) if p == 1 else (log * [[2.0], [2], [2.3]]).sum(0) / log.sum(0)
    assert found.depth.ravel() == pytest.approx(expected, rel=1e-3) and found.depth.shape == (4, 6)
    assert found.confidence.ravel() == pytest.approx(np.maximum(9, np.linspace(2, 12, 24)))
    off = np.abs(np.array([[2.0], [2], [2.3]]) - found.depth.ravel()) * stretch
    cost = ((log + SURE_OF_NOTHING) * off**p * mask.ravel()).sum(1)
    assert found.misfit == pytest.approx([cost[0] + cost[1], cost[2]], rel=1e-3, abs=1e-4)
    assert found.pixels.tolist() == [48, 24] and len(steps) == 1
    unmasked = fuse_depth(MAPPING, camera, sides, distance, None, lambda: None)
    assert unmasked.misfit[1] == pytest.approx(((log + SURE_OF_NOTHING) * off**p)[2].sum(), rel=1e-3)


def test_sides_of_which_only_a_spread_was_kept_bring_the_dense_one_level(camera):
    sides, _ = sides_of(camera, [2.1, 2.0, 2.0], [3, 9, 9], [True, False, False])
    assert KEPT > 24  # all of a photo this small is kept
    found = fuse_depth(MAPPING, camera, sides, "l1", None, lambda: None)
    assert found.depth == pytest.approx(np.full((4, 6), 2.0), rel=1e-4)
    assert (found.confidence == 3).all()  # of dense sides alone
    none, _ = sides_of(camera, [2.0, 2.0], [9, 9], [False, False])
    steps = []
    bare = fuse_depth(MAPPING, camera, none, "l1", None, lambda: steps.append(1))
    assert bare.depth == pytest.approx(np.full((4, 6), 2.0), rel=1e-4) and (bare.confidence == 1).all()
    assert bare.pixels.tolist() == [48, 0] and not steps


def test_pixels_are_fused_in_blocks_that_fit_the_cache_and_are_not_tiny(camera, monkeypatch):
    mapping, steps = PixelMapping((60, 40), (60, 40)), []
    rays = np.concatenate(
        [(mapping.photo_pixels().reshape(-1, 2) - camera.principal_point) / camera.focal, np.ones((2400, 1))], axis=1
    )
    frame = Similarity(np.array(1.0), np.eye(3), np.zeros(3))
    points = rays * 2 @ camera.R.T + camera.centre
    sides = [Side(Kept((0, 1), [(points, np.full(2400, 3.0))] * 2, (60, 40)), 0, frame)] * 2
    for block, blocks in ((4800, 1), (2402, 2), (10, 3)):
        monkeypatch.setattr(dense, "BLOCK", block)
        steps.clear()
        found = fuse_depth(mapping, camera, sides, "l1", None, lambda: steps.append(1))
        assert len(steps) == blocks and found.depth == pytest.approx(np.full((40, 60), 2.0), rel=1e-4)


def test_a_misfit_of_kept_pixels_alone_stands_for_all_of_them(camera):
    mapping, frame = PixelMapping((60, 40), (60, 40)), Similarity(np.array(1.0), np.eye(3), np.zeros(3))
    rays = np.concatenate(
        [(mapping.photo_pixels().reshape(-1, 2) - camera.principal_point) / camera.focal, np.ones((2400, 1))], axis=1
    )
    said = [
        [(rays * depth @ camera.R.T + camera.centre, np.full(2400, confidence))] * 2
        for depth, confidence in ((2.0, 9.0), (2.0, 9.0), (2.3, 2.0))
    ]
    whole, part = (
        fuse_depth(
            mapping,
            camera,
            [Side(Kept((0, 1), one, (60, 40), dense), 0, frame) for one in said],
            "l1",
            None,
            lambda: None,
        )
        for dense in (True, False)
    )
    assert part.misfit[0] == pytest.approx(whole.misfit[0], rel=0.02) and part.misfit[0] > 100
    assert part.pixels.tolist() == whole.pixels.tolist() == [7200, 0]


def test_a_photo_by_itself_takes_the_predicted_z(camera):
    sides, _ = sides_of(camera, [2.0], [9], [True])
    points, confidence = sides[0].prediction._sides[0]
    aside = camera.R[:, 0] @ np.linalg.inv(sides[0].frame.R).T / sides[0].frame.scale  # of the camera's x, in the edge
    moved = Side(Kept((0, 0), [(points + 0.3 * aside, confidence)] * 2, SIZE), 0, sides[0].frame)
    along = fuse_depth(MAPPING, camera, [moved], "l1", None, lambda: None, along_axis=True).depth
    assert along == pytest.approx(np.full((4, 6), 2.0), rel=1e-4)
    assert np.ptp(fuse_depth(MAPPING, camera, [moved], "l1", None, lambda: None).depth) > 0.05


def test_edges_are_placed_where_they_fit_the_photos_canonical_pointmaps():
    edges, scales = ((0, 1), (1, 0)) * 9, tuple(np.linspace(0.5, 3, 18))
    truth, observations, canonical = two_photos(edges, scales)
    observations.points[3, 1, :20] += 5  # outvoted
    observations.points[4, 0, 20:30], observations.weight[4, 0, 20:30] = 77, 0
    canonical.depth[1, 30:35] *= 3
    canonical.weight[1, 30:35] = 0
    calls = []
    world = place_world(observations, canonical, truth, lambda: calls.append(1))
    assert len(calls) == 2  # 18 edges in pieces of 16
    off = np.linalg.norm(residuals(world, observations), axis=-1)
    known = np.ones_like(off, bool)
    known[3, 1, :20] = known[4, 0, 20:30] = False
    known[:, :, 30:35] = False
    assert off[known].max() < 1e-4
    assert world.frames.scale == pytest.approx(truth.scale[[0, 1] * 9] / scales, rel=1e-4)
    assert world.depth == pytest.approx(canonical.depth * truth.scale[:, None])
    assert (world.focal == canonical.focal).all() and (world.centre == truth.translation).all()
    assert_same_world(Similarity(truth.scale, world.R, world.centre), truth)


@pytest.mark.parametrize(("distance", "p"), [("l1", 1), ("l2", 2)])
def test_the_result_has_every_parts_numbers_at_its_photos_and_edges_and_their_mean_loss(distance, p):
    place, generator = poses(3, 5), random(6)
    parts, predictions, edges = [], [], [(0, 2), (2, 0), (1, 1)]
    frames = relative_of(poses(2, 2), [(0, 1)] * 3).pose
    frames = Similarity(np.array([0.5, 2.0, 3.0]), frames.R, frames.translation)
    for edge in edges:
        sides = [(generator.uniform(1, 3, (24, 3)), generator.uniform(2, 9, 24)) for _ in range(2)]
        predictions.append(Kept(edge, sides, SIZE))
    for number, (photos, own) in enumerate((([0, 2], [0, 1]), ([1], [2]))):
        count = len(photos)
        world = World(
            place.R[photos], place.translation[photos], np.array(photos) + 10.0, np.tile([6.0, 4], (count, 1)),
            np.ones((count, 24)), frames[own],
        )  # fmt: skip
        values = [10 * k + np.arange(count) for k in range(4)]
        pairs = [20 + 10 * k + np.arange(len(own)) for k in range(3)]
        appraisal = Appraisal(
            Uncertainty(*values), PairUncertainty(*pairs), np.arange(len(own)) + number, np.zeros(len(own), bool)
        )
        parts.append(Part(np.array(photos), np.array(own), world, appraisal))
    told = []
    settings, photos = AlignmentSettings(distance=distance), alignment_photos([MAPPING] * 3)
    component = np.array([0, 1, 0])
    steps = Steps(lambda *report: told.append(report[1]), "Aligning")
    found = finish(photos, predictions, parts, settings, component, ("Mind this",), steps, ignore)
    for n in range(3):
        assert (found.cam2world[n, :3, :3] == place.R[n]).all() and found.focal[n] == 10 + n
        assert (found.cam2world[n, :3, 3] == place.translation[n]).all() and (
            found.cam2world[n, 3] == [0, 0, 0, 1]
        ).all()
    assert (found.principal_point == [6, 4]).all() and (found.component == component).all()
    assert found.uncertainty.rotation.tolist() == [0, 0, 1] and found.uncertainty.focal.tolist() == [30, 30, 31]
    assert found.pair_uncertainty.direction.tolist() == [30, 31, 30]
    assert found.disagreement.tolist() == [0, 1, 1] and found.warnings == ("Mind this",)
    costs, pixels = np.zeros(2), np.zeros(2)
    for part in parts:
        half = 0.5 / np.exp(np.log(part.world.frames.scale).mean())
        for n, photo in enumerate(part.photos):
            camera = Camera(part.world.R[n], part.world.centre[n], 10.0 + photo, np.array([6.0, 4]))
            sides = [
                Side(predictions[e], side, part.world.frames[k])
                for k, e in enumerate(part.edges)
                for side in ((0, 1) if edges[e] != (1, 1) else (0,))
                if edges[e][side] == photo
            ]
            one = fuse_depth(MAPPING, camera, sides, distance, None, lambda: None, along_axis=len(part.photos) == 1)
            assert (found.depth[photo] == one.depth).all() and (found.confidence[photo] == one.confidence).all()
            costs, pixels = costs + one.misfit * half**p, pixels + one.pixels
    assert found.loss == pytest.approx((costs / pixels).sum())
    assert pixels.tolist() == [72, 48] and told[-1] == 1000 and 300 in told
