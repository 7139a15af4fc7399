"""The graph `auto`: connected where photos connect, bounded, the same every time, and no photo glued to a stranger."""

from collections import Counter

import numpy as np
import pytest
from dust3r.core.scene_graph.edges import MOST_NEIGHBOURS, Edge
from dust3r.core.scene_graph.pair_selection import PLAIN, SURE, grow, is_in_order, pair_strength
from scipy.sparse.csgraph import connected_components


def photos_on_a_ring(count, reach=0.2, seed=0, noise=0.1):
    """(likeness, strengths): photos around something; those within `reach` of the turn see the same, the nearer the
    more, and likeness says so with noise.
    """
    place = np.arange(count) / count
    apart = np.abs(place[:, None] - place)
    overlap = np.clip(1 - np.minimum(apart, 1 - apart) / reach, 0, None)
    noisy = overlap + noise * np.random.default_rng(seed).standard_normal(overlap.shape)
    return (noisy + noisy.T) / 2, 1.5 * overlap


def side_by_side(*rings):
    """Several of them that have nothing in common, whose likeness is only a little less."""
    counts = [len(likeness) for likeness, _ in rings]
    likeness, strength = -0.1 * np.ones((2, sum(counts), sum(counts)))
    for ring, end in zip(rings, np.cumsum(counts), strict=True):
        part = slice(end - len(ring[0]), end)
        likeness[part, part], strength[part, part] = ring
    return likeness, np.maximum(strength, 0)


def judged_by(strength, asked=None):
    def judge(pairs):
        if asked is not None:
            asked.extend(pairs)
        return [strength[pair] for pair in pairs]

    return judge


def parts(count, pairs):
    graph = np.zeros((count, count))
    for i, j in pairs:
        graph[i, j] = 1
    return connected_components(graph, directed=False)[1].tolist()


def degrees(pairs):
    return Counter(photo for pair in pairs for photo in pair)


@pytest.mark.parametrize("count", [13, 14, 25, 60])
def test_photos_that_connect_are_connected_within_the_bound(count):
    likeness, strength = photos_on_a_ring(count)
    asked = []
    grown = grow(likeness, judged_by(strength, asked))
    assert set(parts(count, grown)) == {0}
    assert max(degrees(asked).values()) <= MOST_NEIGHBOURS
    assert len(set(asked)) == len(asked)
    assert all(i < j for i, j in grown)


def test_up_to_twelve_photos_all_pairs_are_tried_and_those_that_say_nothing_fall_away():
    likeness, strength = photos_on_a_ring(12)
    asked = []
    grown = grow(likeness, judged_by(strength, asked))
    assert len(asked) == 66
    assert grown == [pair for pair in sorted(asked) if strength[pair] >= SURE]


def test_it_is_the_same_every_time():
    likeness, strength = photos_on_a_ring(40)
    assert grow(likeness, judged_by(strength)) == grow(likeness.copy(), judged_by(strength))


def test_one_photo_has_no_pairs_and_two_have_one():
    assert grow(np.ones((1, 1)), judged_by(np.zeros((1, 1)))) == []
    assert grow(np.ones((2, 2)), judged_by(np.ones((2, 2)))) == [Edge(0, 1)]


def test_two_places_come_apart_without_a_pair_between_them():
    likeness, strength = side_by_side(photos_on_a_ring(20), photos_on_a_ring(15, seed=1))
    grown = grow(likeness, judged_by(strength))
    assert parts(35, grown) == [0] * 20 + [1] * 15


def test_a_stranger_stays_alone_after_as_many_tries_as_any_photo_has():
    likeness, strength = side_by_side(photos_on_a_ring(20), (np.ones((1, 1)), np.ones((1, 1))))
    asked = []
    grown = grow(likeness, judged_by(strength, asked))
    assert parts(21, grown) == [0] * 20 + [1]
    assert degrees(asked)[20] == MOST_NEIGHBOURS


def test_a_link_that_likeness_does_not_show_is_found_between_two_places():
    likeness, strength = side_by_side(photos_on_a_ring(20), photos_on_a_ring(20, seed=1))
    strength[:6, 20:26] = strength[20:26, :6] = 1
    likeness[:6, 20:26] = likeness[20:26, :6] = -0.09
    assert set(parts(40, grow(likeness, judged_by(strength)))) == {0}


def test_a_photo_that_looks_like_the_wrong_ones_is_tried_until_it_finds_its_own():
    likeness, strength = photos_on_a_ring(40)
    likeness[5], likeness[:, 5] = likeness[25].copy(), likeness[:, 25].copy()
    likeness[5, 9] = likeness[9, 5] = 0.3
    neighbours = degrees(grow(likeness, judged_by(strength)))
    assert neighbours[5] >= 4


def test_photos_whose_first_pairs_say_little_meet_as_many_others_as_the_rest():
    likeness, strength = photos_on_a_ring(60, reach=0.4)
    weak = [10, 30, 50]
    strength[weak] *= 0.3
    strength[:, weak] *= 0.3
    asked = []
    grow(likeness, judged_by(strength, asked))
    tried = degrees(asked)
    assert all(tried[photo] > np.mean(list(tried.values())) - 1 for photo in weak)


def test_a_network_that_is_sure_of_nothing_keeps_all_that_was_tried():
    likeness, _ = photos_on_a_ring(20)
    asked = []
    grown = grow(likeness, judged_by(np.full((20, 20), 1e-6), asked))
    assert grown == sorted(asked)
    assert set(parts(20, grown)) == {0}


def test_strength_is_the_second_photos_confidence_relative_to_the_firsts_where_that_is_low():
    assert pair_strength(2.5, 0.1) == pair_strength(PLAIN, 0.1) == 0.1
    assert pair_strength(0.2, 0.2 * SURE / PLAIN) == pytest.approx(SURE)
    assert pair_strength(0, 0) == 0


def test_a_confidence_that_is_no_number_counts_as_none():
    likeness, strength = photos_on_a_ring(20)
    strength[3, :] = strength[:, 3] = np.nan
    assert 3 not in degrees(grow(likeness, judged_by(strength)))


def test_adding_a_photo_tries_only_its_own_pairs_and_few_of_them():
    likeness, strength = photos_on_a_ring(30)
    before = np.delete(np.delete(likeness, 11, 0), 11, 1)
    known = grow(before, judged_by(np.delete(np.delete(strength, 11, 0), 11, 1)))
    known = [Edge(*(k + (k >= 11) for k in pair)) for pair in known]
    asked = []
    grown = grow(likeness, judged_by(strength, asked), known)
    fresh = set(asked) - set(known)
    assert all(11 in pair for pair in fresh)
    assert 3 <= len(fresh) <= MOST_NEIGHBOURS
    assert set(parts(30, grown)) == {0}


def test_taking_a_photo_away_tries_nothing():
    likeness, strength = photos_on_a_ring(30)
    known = [pair for pair in grow(likeness, judged_by(strength)) if 29 not in pair]
    asked = []
    assert grow(likeness[:29, :29], judged_by(strength, asked), known) == known
    assert asked == known


def test_a_photo_found_alone_before_is_known_too():
    likeness, strength = side_by_side(photos_on_a_ring(20), (np.ones((1, 1)), np.ones((1, 1))))
    known = grow(likeness, judged_by(strength))
    asked = []
    grow(likeness, judged_by(strength, asked), [*known, Edge(20, 20)])
    assert asked == known


def test_a_list_in_order_is_told_from_a_shuffled_one():
    likeness, _ = photos_on_a_ring(30, noise=0.3)
    shuffled = np.random.default_rng(0).permutation(30)
    assert is_in_order(likeness)
    assert not is_in_order(likeness[np.ix_(shuffled, shuffled)])


def test_neighbours_in_an_ordered_list_meet():
    likeness, strength = photos_on_a_ring(30, noise=0.3)
    asked = []
    grow(likeness, judged_by(strength, asked))
    assert {(i, i + 1) for i in range(29)} <= set(asked)
