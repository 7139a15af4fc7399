"""Matches: each other's nearest points in 3-D, and the files they are written to."""

import csv

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.export.matches import PhotoMatches, save_colmap, save_csv
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.localization.matching import Matches, Pointmap, match_pointmaps, match_views, mutual_nearest
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction


@pytest.fixture
def cloud():
    return np.random.default_rng(0).normal(size=(300, 3))


def test_mutual_neighbours_are_the_published_ones(golden):
    data = np.load(golden / "geometry.npz")
    in_1, in_2 = mutual_nearest(data["recip.P1"], data["recip.P2"])
    published = np.flatnonzero(data["recip.reciprocal_in_P2"])
    assert len(in_1) == data["recip.num"]
    assert sorted(in_2) == published.tolist()
    assert (data["recip.nn2_in_P1"][in_2] == in_1).all()


def test_a_shuffled_cloud_is_matched_point_by_point(cloud):
    order = np.random.default_rng(1).permutation(len(cloud))
    in_a, in_b = mutual_nearest(cloud, cloud[order])
    assert in_a.tolist() == list(range(len(cloud)))
    assert (order[in_b] == in_a).all()


def test_exchanging_the_photos_exchanges_the_matches(cloud):
    other = cloud[:200] + 0.1
    there, back = mutual_nearest(cloud, other), mutual_nearest(other, cloud)
    assert sorted(zip(*there, strict=True)) == sorted(zip(*reversed(back), strict=True))


def test_nothing_matches_nothing(cloud):
    assert [len(found) for found in mutual_nearest(cloud[:0], cloud)] == [0, 0]


def test_only_pixels_that_are_sure_usable_and_finite_are_matched(cloud):
    points, confidence, usable = cloud.copy(), np.full(300, 3.0), np.ones(300, bool)
    points[:10], confidence[10:20], usable[20:30] = np.nan, 1.5, False
    found = match_pointmaps(Pointmap(points, confidence, usable), Pointmap(cloud, np.full(300, 9.0)), 2.0)
    assert found.at_a.tolist() == found.at_b.tolist() == list(range(30, 300))
    assert (found.confidence == 3).all()


def test_unless_told_the_surer_half_of_each_photo_is_matched(cloud):
    rising = 1 + np.arange(300) / 100
    found = match_pointmaps(Pointmap(cloud, rising), Pointmap(cloud, rising))
    assert found.at_a.tolist() == list(range(150, 300))


def test_photos_of_one_world_are_matched_where_they_show_the_same_point(tmp_path):
    shots = (Shot("a.png", size=(64, 48), focal=(60, 60)), Shot("b.png", size=(64, 48), focal=(60, 60)))
    a, _ = make_reconstruction(tmp_path, shots).views
    found = match_views(a, a, 1.0)
    assert found.at_a.tolist() == found.at_b.tolist() == np.flatnonzero(a.mask).tolist()


MAPPING = PixelMapping((40, 20), (4, 2), (10.0, 10.0))


@pytest.fixture
def pairs():
    first = Matches(np.array([0, 3, 5]), np.array([1, 2, 7]), np.array([1.5, 2.0, 2.5]))
    second = Matches(np.array([3, 4]), np.array([0, 6]), np.array([3.0, 3.5]))
    mappings = (MAPPING, MAPPING)
    return [PhotoMatches(("a.jpg", "b.jpg"), mappings, first), PhotoMatches(("a.jpg", "c.jpg"), mappings, second)]


def test_a_csv_holds_every_match_in_photo_pixels(pairs, tmp_path):
    save_csv(tmp_path / "matches.csv", pairs)
    with (tmp_path / "matches.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert (rows[1]["photo_a"], rows[1]["photo_b"]) == ("a.jpg", "b.jpg")
    assert [float(rows[1][key]) for key in ("x_a", "y_a", "x_b", "y_b", "confidence")] == [35, 5, 25, 5, 2]


def read_colmap(folder):
    """(features by photo, pixel pairs by photo pair), as COLMAP's text formats define them."""
    features, found = {}, {}
    for path in folder.glob("*.jpg.txt"):
        head, *lines = path.read_text().splitlines()
        assert head == f"{len(lines)} 128"
        assert {len(line.split()) for line in lines} == {132}
        features[path.stem] = [tuple(map(float, line.split()[:2])) for line in lines]
    for block in (folder / "matches.txt").read_text().strip().split("\n\n"):
        names, *rows = block.splitlines()
        a, b = names.split()
        found[a, b] = [(features[a][int(i)], features[b][int(j)]) for i, j in (row.split() for row in rows)]
    return features, found


def test_colmaps_files_give_the_same_pixels_back(pairs, tmp_path):
    save_colmap(tmp_path, pairs)
    features, found = read_colmap(tmp_path)
    assert set(features) == {"a.jpg", "b.jpg", "c.jpg"}
    assert len(features["a.jpg"]) == 4  # the pixel of two matches is one feature
    for pair in pairs:
        a, b = pair.matches.pixels(*pair.mappings)
        assert found[pair.names] == [(tuple(p), tuple(q)) for p, q in zip(a, b, strict=True)]


@pytest.mark.parametrize("name", ["my photo.jpg", "../photo.jpg", "/photo.jpg", "matches"])
def test_colmap_is_not_given_names_that_it_would_cut_or_that_lead_elsewhere(pairs, tmp_path, name):
    odd = PhotoMatches((name, "b.jpg"), pairs[0].mappings, pairs[0].matches)
    with pytest.raises(InputError, match=name):
        save_colmap(tmp_path, [odd])
    assert not list(tmp_path.iterdir())
