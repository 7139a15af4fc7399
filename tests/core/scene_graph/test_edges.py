"""Pairs agree with the published ones as sets, without its self-pairs."""

import json

import pytest
from dust3r.core.errors import InputError
from dust3r.core.scene_graph.edges import MOST_NEIGHBOURS, Edge, make_edges


def test_every_golden_graph_is_matched_as_a_set(golden):
    cases = json.loads((golden / "make_pairs.json").read_text())
    for key, pairs in cases.items():
        count, graph, symmetrize, prefilter = (part.split("=")[-1] for part in key.split("|"))
        if int(count) == 1:
            continue
        found = make_edges(int(count), graph, symmetrize == "1", None if prefilter == "None" else prefilter)
        assert set(found) == {(i, j) for i, j in pairs if i != j}, key
        assert len(set(found)) == len(found), key


def test_one_photo_is_paired_with_itself():
    assert make_edges(1) == [Edge(0, 0)]


def test_the_order_is_the_same_every_time():
    assert make_edges(9, "logwin-3") == make_edges(9, "logwin-3")


@pytest.mark.parametrize("more", ["", "-noncyclic"])
@pytest.mark.parametrize("count", [2, 11, 12])
def test_a_window_beyond_the_photos_adds_nothing_and_takes_no_time(count, more):
    pairs = {(i, j) for i in range(count) for j in range(count) if i != j}
    assert set(make_edges(count, f"swin-{'9' * 99}{more}")) == pairs
    steps = {2**k % count if not more else 2**k for k in range(3 * count)}
    found = {(i, (i + step) % count) for i in range(count) for step in steps if not more or i + step < count}
    expected = {pair for i, j in found if i != j for pair in ((i, j), (j, i))}
    assert set(make_edges(count, f"logwin-{'9' * 99}{more}")) == expected
    with pytest.raises(InputError, match="that is not there"):
        make_edges(count, f"oneref-{'9' * 99}")


@pytest.mark.parametrize("graph", ["circle", "swin-" + "9" * 5000, "swin-", "swin-0", "oneref-9", "complete-2", ""])
def test_a_bad_graph_is_named_in_one_sentence(graph):
    with pytest.raises(InputError, match=r"graph|window|oneref"):
        make_edges(4, graph)


@pytest.mark.parametrize("count", [1, 2, 12])
def test_auto_is_complete_up_to_twelve_photos(count):
    assert make_edges(count, "auto") == make_edges(count, "complete")


@pytest.mark.parametrize("count", [13, 14, 100])
def test_auto_of_more_photos_is_stood_in_for_by_as_many_pairs_as_it_may_have(count):
    edges = make_edges(count, "auto")
    assert len(edges) == count * MOST_NEIGHBOURS
    assert len(make_edges(count, "auto", symmetrize=False)) == len(edges) // 2
