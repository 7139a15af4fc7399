"""Groups of photos that a network sees at once."""

import numpy as np
import pytest
from dust3r.core.scene_graph.groups import choose_groups, group_pairs


def along_a_walk(count: int) -> np.ndarray:
    """Likeness of photos taken one after the other."""
    place = np.arange(count)
    return 1 / (1 + np.abs(place[:, None] - place).astype(float))


def test_photos_that_fit_are_one_group():
    assert choose_groups(along_a_walk(5), 5) == [(0, 1, 2, 3, 4)]


@pytest.mark.parametrize(("count", "size"), [(6, 5), (20, 5), (50, 12), (9, 2), (500, 32)])
def test_every_photo_is_in_a_group_and_every_group_is_tied_to_earlier_ones(count, size):
    groups = choose_groups(along_a_walk(count), size)
    assert max(map(len, groups)) <= size
    assert set().union(*groups) == set(range(count))
    covered = set(groups[0])
    for group in groups[1:]:
        assert covered & set(group) and set(group) - covered
        covered |= set(group)


def test_a_group_holds_photos_that_are_alike():
    place = np.array([0, 100, 1, 101, 2, 102, 3, 103, 4, 104])
    likeness = 1 / (1 + np.abs(place[:, None] - place).astype(float))
    first = choose_groups(likeness, 5)[0]
    assert len({photo % 2 for photo in first}) == 1


def test_groups_that_are_there_stay_and_another_photo_costs_one():
    before = choose_groups(along_a_walk(20), 8)
    after = choose_groups(along_a_walk(21), 8, before)
    assert after[:-1] == before and 20 in after[-1]
    assert choose_groups(along_a_walk(20), 8, before[:2])[:2] == before[:2]


def test_a_small_groups_pairs_are_all_and_a_large_ones_are_those_that_see_each_other():
    assert group_pairs(np.ones((3, 3)), (2, 5, 7)) == [(2, 5), (2, 7), (5, 7)]
    pairs = group_pairs(along_a_walk(40), tuple(range(40)))
    assert len(pairs) <= 40 * 12 / 2 + 39
    assert all((k, k + 1) in pairs for k in range(39))
    assert max(j - i for i, j in pairs) < 15
