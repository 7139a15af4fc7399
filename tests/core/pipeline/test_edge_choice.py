"""The graph `auto` around a network: what it asks for, what it remembers, and what it tells the user."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.images.preprocessing import load_views
from dust3r.core.inference.array_store import FolderStore, MemoryStore
from dust3r.core.inference.prediction import Prediction
from dust3r.core.inference.predictor import Predictor
from dust3r.core.networks.dust3r.dust3r import DUSt3R, Encoded
from dust3r.core.pipeline.edge_choice import UNSURE, choose_edges
from dust3r.core.pipeline.reconstruct import framing_of, infer, reconstruct
from dust3r.core.scene_graph.edges import MOST_NEIGHBOURS, Edge, make_edges
from dust3r.core.scene_graph.shard import WHOLE, Shard
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from dust3r.tests.aligning import align
from dust3r.tests.synthetic import noisy_scene

ROOT = Path(__file__).resolve().parents[3]
BUDDHA = sorted((ROOT / "samples" / "buddha" / "images").iterdir())
STUDIO = sorted((ROOT / "samples" / "studio" / "images").iterdir())
SETTINGS = ReconstructionSettings(cameras="network", alignment=AlignmentSettings(iterations=0))


class Sights:
    """Stands for a predictor: photos around something, and strangers that look like nobody."""

    def __init__(self, count, strangers=(), sure=2.0, own=9.0):
        self.views, self.asked, self.kept, self.encodings = [None] * count, [], [], 0
        turn = 2 * np.pi * np.arange(count) / count
        self._place = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        self._strangers, self._sure, self._own = set(strangers), sure, own

    def encode(self, photos, report, shard=WHOLE):
        self.encodings += len(photos)

    def encoded(self, photo):
        features = np.append(self._place[photo], 3 * (photo in self._strangers))
        return Encoded(torch.tensor(features, dtype=torch.float32).expand(1, 12, 3), (48, 64))

    def infer(self, edges, report, shard=WHOLE):
        self.asked += edges
        report("Predicting pairs", len(edges), len(edges))

    def score(self, edge):
        alike = max(0, float(self._place[edge.i] @ self._place[edge.j]))
        return self._own, 0 if self._strangers & set(edge) else self._sure * alike

    def last_graph(self):
        return self.kept

    def keep_graph(self, edges):
        self.kept = edges


def test_photos_around_something_are_all_connected_both_ways_by_twelve_others_at_most():
    edges, warnings = choose_edges(Sights(30), SETTINGS)
    assert not warnings
    assert set(edges) == {Edge(j, i) for i, j in edges}
    assert {photo for edge in edges for photo in edge} == set(range(30))
    assert max(Counter(i for i, _ in edges).values()) <= MOST_NEIGHBOURS
    assert edges == choose_edges(Sights(30), SETTINGS).edges


def test_one_direction_alone_where_the_settings_say_so():
    sights = Sights(20)
    edges, _ = choose_edges(sights, replace(SETTINGS, symmetrize=False))
    assert all(i < j for i, j in edges)
    assert all(i < j for i, j in sights.asked)


def test_a_stranger_meets_only_itself():
    edges, _ = choose_edges(Sights(20, strangers=[4]), SETTINGS)
    assert [edge for edge in edges if 4 in edge] == [Edge(4, 4)]


def test_twelve_photos_are_shown_to_each_other_all_and_pairs_that_say_nothing_left_out():
    sights = Sights(12, strangers=[2])
    edges, _ = choose_edges(sights, SETTINGS)
    assert set(sights.asked) == set(make_edges(12, "complete"))
    assert [edge for edge in edges if 2 in edge] == [Edge(2, 2)]


def test_a_pair_is_as_strong_as_the_mean_of_its_two_directions():
    class OneWay(Sights):
        """All look alike; from the photo with the smaller number 1 and 0 show 0.15 of each other, backwards `back`."""

        back = 0.0

        def score(self, edge):
            return self._own, (0.15 if edge.i < edge.j else self.back) if set(edge) != {0, 2} else 0.5

    for back, kept in ((0.03, False), (0.06, True)):  # the mean is 0.09 and 0.105; from 0.1 on a pair says something
        sights = OneWay(3)
        sights.back = back
        edges, _ = choose_edges(sights, SETTINGS)
        assert (Edge(0, 1) in edges) is kept
        assert Edge(0, 2) in edges


def test_other_graphs_and_one_photo_ask_nothing_beforehand():
    sights = Sights(14)
    assert choose_edges(sights, replace(SETTINGS, scene_graph="swin-2")).edges == make_edges(14, "swin-2")
    assert choose_edges(Sights(1), SETTINGS).edges == [Edge(0, 0)]
    assert not sights.asked
    assert not sights.encodings


def test_a_network_that_is_sure_of_nothing_is_said_to_be_so():
    edges, warnings = choose_edges(Sights(20, sure=1e-4), SETTINGS)
    assert warnings == (UNSURE,)
    assert {photo for edge in edges for photo in edge} == set(range(20))


def test_a_network_that_is_unsure_even_of_single_photos_still_tells_strangers_and_says_that_it_is_unsure():
    edges, warnings = choose_edges(Sights(20, strangers=[4], sure=0.05, own=0.1), SETTINGS)
    assert warnings == (UNSURE,)
    assert [edge for edge in edges if 4 in edge] == [Edge(4, 4)]
    assert {photo for edge in edges for photo in edge} == set(range(20))


def test_the_graph_that_was_kept_is_asked_about_again_and_nothing_else():
    sights = Sights(25)
    edges, _ = choose_edges(sights, SETTINGS)
    sights.asked.clear()
    assert choose_edges(sights, SETTINGS).edges == edges
    assert sorted(sights.asked) == sorted(edges)


def test_progress_never_goes_beyond_its_end():
    reports = []
    choose_edges(Sights(20, strangers=[3, 7]), SETTINGS, lambda *report: reports.append(report))
    assert all(done <= total for _, done, total in reports)
    assert reports[-1][1] == reports[-1][2]


@pytest.fixture(scope="module")
def model():
    return load_model(ROOT / "models" / "small", torch.device("cpu"))


def _predictor(model, photos):
    views, _ = load_views(photos, framing_of(model.config))
    return Predictor(model.network, views, MemoryStore())


@pytest.fixture
def decoded(monkeypatch):
    """The number of pairs decoded, in a list of one."""
    counts, decode = [0], DUSt3R.decode

    def counted(self, first, second):
        counts[0] += len(first.tokens)
        return decode(self, first, second)

    monkeypatch.setattr(DUSt3R, "decode", counted)
    return counts


def test_the_bundled_model_parts_two_places(model):
    edges, _ = choose_edges(_predictor(model, [*BUDDHA, *STUDIO]), SETTINGS)
    place = [0] * len(BUDDHA) + [1] * len(STUDIO)
    assert all(place[i] == place[j] for i, j in edges)
    connected = {photo for i, j in edges if i != j for photo in (i, j)}
    assert connected >= set(range(len(BUDDHA), len(place)))


def test_adding_a_photo_costs_its_own_pairs_and_taking_one_away_none(model, decoded):
    store = MemoryStore()
    reconstruct([*BUDDHA, STUDIO[0]], model, SETTINGS, store=store)
    decoded[0] = 0
    reconstruct([*BUDDHA, *STUDIO[:2]], model, SETTINGS, store=store)
    assert 0 < decoded[0] <= 2 * MOST_NEIGHBOURS
    decoded[0] = 0
    reconstruct([*BUDDHA[1:], *STUDIO[:2]], model, SETTINGS, store=store)
    assert decoded[0] == 0


def test_the_rounds_may_be_shared_among_processes(model, decoded, tmp_path):
    photos, folder = [*BUDDHA, STUDIO[0]], FolderStore(tmp_path)
    for number in (3, 1):
        infer(photos, model, SETTINGS, folder, Shard(number, 3))
    decoded[0] = 0
    shared = reconstruct(photos, model, SETTINGS, store=folder)
    assert decoded[0] == 0
    alone = reconstruct(photos, model, SETTINGS)
    for one, other in zip(shared.views, alone.views, strict=True):
        assert (one.cam2world == other.cam2world).all()
        assert (one.depth == other.depth).all()


def test_the_alignment_gives_a_stranger_a_world_of_its_own_and_names_it():
    _, mappings, predictions, centres = noisy_scene(3, "low")
    edges = {prediction.edge: prediction for prediction in predictions}
    itself = edges[2, 0]
    alone = Prediction(Edge(2, 2), itself.points_i, itself.points_i, itself.confidence_i, itself.confidence_i)
    found = align(mappings, [edges[0, 1], edges[1, 0], alone], principal_points=centres, names=["a", "b", "stranger"])
    assert found.component.tolist() == [0, 0, 1]
    assert any("stranger" in warning for warning in found.warnings)
    ratio = found.depth[2] / itself.points_i[..., 2].numpy()
    assert abs(ratio / np.median(ratio) - 1).max() < 1e-3
