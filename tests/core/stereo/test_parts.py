"""The steps of dense stereo, each alone."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.stereo.aggregation import CHECKED, aggregate
from dust3r.core.stereo.consistency import agreeing, best_agreement, confirmed_elsewhere
from dust3r.core.stereo.frames import finer_mapping, pyramid
from dust3r.core.stereo.fusion import tied_field
from dust3r.core.stereo.neighbours import SeenPoints, choose_neighbours, shared_angles
from dust3r.core.stereo.settings import CameraSettings, FusionSettings, NeighbourSettings, SweepSettings
from dust3r.core.stereo.sweep import Reference, Source, box_mean
from dust3r.tests import box_room
from dust3r.tests.core import stereo_room

SWEEP = SweepSettings()


def unwatched():
    """The check of work that nobody cancels."""


def level(eye, size=(96, 72)):
    """(Level, its true inverse depth) of the textured room."""
    K, pose = box_room.intrinsics(size), box_room.look_at(eye)
    _, depth, points = box_room.render(K, pose, size)
    levels = pyramid(stereo_room.textured(points), PixelMapping(size, size), K, pose, 1, torch.device("cpu"))
    return levels[0], torch.from_numpy((1 / depth).astype(np.float32))


def test_a_pixel_at_its_true_depth_appears_where_the_neighbour_sees_its_point():
    (first, inverse), (second, theirs) = level(box_room.EYES[0]), level(box_room.EYES[1])
    source = Source.of(first, second)
    places, inside = source.places(inverse[None])
    there = torch.nn.functional.grid_sample(theirs[None, None], places, align_corners=False)[0]
    off = (there / source.expected(inverse[None]) - 1).abs()[inside > 0]
    assert inside.mean() > 0.5 and off.median() < 1e-3


def test_the_true_depth_costs_least():
    (first, inverse), (second, _), (third, _) = (level(eye) for eye in box_room.EYES[:3])
    factors = torch.tensor([0.8, 0.9, 1.0, 1.1, 1.25])[:, None, None]
    costs = Reference(first, [second, third], SWEEP).costs(inverse * factors, unwatched)
    assert (costs.argmin(0) == 2).float().mean() > 0.85  # the rim is out of sight


def test_a_window_mean_of_a_constant_is_the_constant_up_to_the_rim():
    assert box_mean(torch.full((1, 7, 9), 3.0), 2).numpy() == pytest.approx(3.0)


def test_a_window_mean_of_a_slope_is_the_slope_inside():
    slope = torch.arange(12.0).expand(8, 12)
    assert box_mean(slope, 2)[:, 2:-2].numpy() == pytest.approx(slope[:, 2:-2].numpy())


def test_aggregation_carries_a_clear_depth_over_pixels_without_any():
    costs = torch.ones(5, 9, 9)
    costs[3, 4, 4] = 0
    total = aggregate(costs, torch.zeros(9, 9), SWEEP, unwatched)
    assert (total[:, 4].argmin(0) == 3).all() and (total[:, :, 4].argmin(0) == 3).all()


def test_others_agree_where_they_see_a_point_at_its_depth_and_are_counted_where_they_could():
    (first, inverse), *others = (level(eye) for eye in box_room.EYES[:3])
    agreed, framed = agreeing(first, inverse, others, 0.01, lambda: None)
    assert (agreed <= framed).all() and framed.max() == 2
    assert (agreed[framed == 2] == 2).float().mean() > 0.7 and (agreed[framed == 1] == 1).float().mean() > 0.5
    assert not agreed[framed == 0].any()
    nobody, same = agreeing(first, 1.1 * inverse, others, 0.01, lambda: None)
    assert (nobody > 0).float().mean() < 0.1 and same.max() == 2


def test_work_that_takes_long_in_a_large_photo_can_be_cancelled_between_its_parts():
    first, *others = (level(eye) for eye in box_room.EYES[:4])
    inverse, neighbours, calls = first[1], len(others), []
    Reference(first[0], [other for other, _ in others], SWEEP).costs(inverse[None], lambda: calls.append("compared"))
    agreeing(*first, others, 0.01, lambda: calls.append("agrees"))
    everywhere = torch.ones_like(inverse, dtype=torch.bool)
    confirmed_elsewhere(first[0], [(*other, everywhere) for other in others], lambda: calls.append("appears"))
    assert Counter(calls) == dict.fromkeys(("compared", "agrees", "appears"), neighbours)
    rows = []
    aggregate(torch.ones(5, 3 * CHECKED, 7), torch.zeros(3 * CHECKED, 7), SWEEP, lambda: rows.append(None))
    assert len(rows) >= 4  # between both directions, and twice in the longer one


def test_the_best_agreement_is_that_of_the_neighbour_with_most_but_not_of_a_few_pixels():
    (first, inverse), (second, theirs), (third, last) = (level(eye) for eye in box_room.EYES[:3])
    settings = CameraSettings()

    def best(*others):
        return best_agreement(first, inverse, others, settings, lambda: None)

    assert best((second, theirs), (third, 2 * last)) == best((second, theirs)) > 2 * settings.least
    assert best((second, 1.2 * theirs)) < settings.least and best() == 0
    aside = replace(second, K=np.diag([40.0, 40.0, 1.0]) @ second.K)  # its sight is narrow
    assert best((aside, theirs)) < settings.least


def test_points_confirmed_in_others_appear_at_their_depth_the_nearest_first():
    (first, inverse), (second, theirs), (third, last) = (level(eye) for eye in box_room.EYES[:3])
    everywhere = torch.ones_like(theirs, dtype=torch.bool)
    there = confirmed_elsewhere(first, [(second, theirs, everywhere), (third, last, everywhere)], unwatched)
    assert (there > 0).float().mean() > 0.7
    off = (there / inverse - 1)[there > 0].abs()
    assert off.median() < 0.01 and (off < 0.05).float().mean() > 0.9  # what the photo cannot see appears in it too
    nearer = confirmed_elsewhere(first, [(second, theirs, everywhere), (third, 2 * last, everywhere)], unwatched)
    assert (nearer >= 0).all() and (nearer > 1.3 * inverse).any()


def test_what_nobody_confirmed_appears_nowhere():
    (first, inverse), (second, theirs) = (level(eye) for eye in box_room.EYES[:2])
    nobody = torch.zeros_like(theirs, dtype=torch.bool)
    there = confirmed_elsewhere(first, [(second, theirs, nobody)], unwatched)
    assert there.shape == inverse.shape and not there.any()
    assert not confirmed_elsewhere(first, [], unwatched).any()


def test_a_field_holds_at_what_is_known_and_stops_at_an_edge_of_the_photo():
    colors = torch.zeros(3, 40, 60)
    colors[:, :, 30:] = 1
    ratio, weight = torch.zeros(40, 60), torch.zeros(40, 60)
    ratio[:, :30], ratio[:, 30:] = 0.2, -0.1
    weight[:, ::3] = 1
    field = tied_field(ratio, weight, colors, FusionSettings(), lambda: None)
    assert field[:, 5:28].numpy() == pytest.approx(0.2, abs=0.02)
    assert field[:, 33:55].numpy() == pytest.approx(-0.1, abs=0.02)


def test_where_nothing_is_known_the_field_is_none():
    assert not tied_field(
        torch.ones(20, 30), torch.zeros(20, 30), torch.rand(3, 20, 30), FusionSettings(), lambda: None
    ).any()


def seen(x, count=50):
    points = np.column_stack([np.linspace(-1, 1, count), np.zeros(count), np.full(count, 5.0)])
    pose = np.eye(4)
    pose[0, 3] = x
    return SeenPoints(box_room.intrinsics((400, 300)), pose, (400, 300), points, np.arange(count))


def test_rays_from_both_sides_of_a_point_meet_at_their_angle():
    angles = shared_angles(seen(-5.0, 3), seen(5.0, 3))
    assert angles[1] == pytest.approx(90)


def test_neighbours_stand_apart_but_not_too_far_and_see_the_same():
    chosen = choose_neighbours([seen(0.0), seen(0.02), seen(0.9), seen(20.0), None], NeighbourSettings())
    assert chosen[0][0] == 2 and 1 not in chosen[0] and chosen[4] == ()
    assert choose_neighbours([seen(0.0, 5), seen(0.9, 5)], NeighbourSettings()) == [(), ()]


def test_without_tracks_points_in_sight_of_each_other_count():
    blind = [replace(seen(x), tracks=None) for x in (0.0, 0.9)]
    blind.append(replace(seen(50.0), tracks=None, points=blind[0].points + np.array([50, 0, 0])))
    assert choose_neighbours(blind, NeighbourSettings()) == [(1,), (0,), ()]


def test_a_finer_mapping_shows_the_same_part_of_the_photo():
    coarse = PixelMapping((1600, 1200), (192, 144), (1600 / 192, 1200 / 144), (0.0, 0.0))
    fine = finer_mapping(coarse, 512)
    assert fine.view_size == (512, 384)
    assert fine.photo_axes()[0][[0, -1]] == pytest.approx([1600 / 1024, 1600 - 1600 / 1024])
    small = PixelMapping((300, 200), (192, 128), (300 / 192, 200 / 128))
    assert finer_mapping(small, 512).view_size == (300, 200)
