"""Features and matches of photos."""

import numpy as np
import pytest
from dust3r.core.features.matching import Matches, PairMatches, match_photos
from dust3r.core.features.settings import FeatureSettings
from dust3r.core.io.atomic import DAMAGED_ARRAYS
from PIL import Image

pycolmap = pytest.importorskip("pycolmap")


def test_photos_are_numbered_in_their_order_whichever_is_done_first(pytestconfig, tmp_path):
    names = ["1_large.png", "2_small.png", "3_medium.png"]
    photo = pytestconfig.rootpath / "samples" / "studio" / "images" / "studio_01.jpg"
    (tmp_path / "images").mkdir()
    for name, width in zip(names, (1200, 60, 300), strict=True):
        Image.open(photo).resize((width, width)).save(tmp_path / "images" / name)
    settings = FeatureSettings()
    match_photos(tmp_path, names, [None] * 3, 1200, [(0, 1)], settings.passes[0], settings, lambda *progress: None)
    (database,) = tmp_path.glob("*/matches.db")
    with pycolmap.Database.open(database) as opened:
        assert [opened.read_image_with_name(name).image_id for name in names] == [1, 2, 3]


def some_matches():
    keypoints = tuple(np.arange(2 * count, dtype=np.float32).reshape(count, 2) for count in (3, 0, 2))
    return Matches(keypoints, (PairMatches(0, 2, np.array([[0, 1], [2, 0]], np.uint32), 3),))


def test_matches_read_back_the_same(tmp_path):
    whole = some_matches()
    whole.save(tmp_path / "matches.npz")
    read = Matches.load(tmp_path / "matches.npz", 3)
    for before, after in zip(whole.keypoints, read.keypoints, strict=True):
        assert np.array_equal(before, after)
    (before,), (after,) = whole.pairs, read.pairs
    assert (before.i, before.j, before.config) == (after.i, after.j, after.config)
    assert np.array_equal(before.indices, after.indices)


def test_no_pairs_at_all_read_back_too(tmp_path):
    Matches((np.zeros((1, 2), np.float32),), ()).save(tmp_path / "matches.npz")
    assert Matches.load(tmp_path / "matches.npz", 1).pairs == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("counts", np.array([3, 0, 3])),
        ("counts", np.array([3, 2])),
        ("keypoints", np.full((5, 2), np.nan, np.float32)),
        ("keypoints", np.zeros((5, 2))),
        ("heads", np.array([[0, 1, 3, 2]])),
        ("heads", np.array([[2, 0, 3, 2]])),
        ("heads", np.array([[0, 2, 3, 1]])),
        ("indices", np.array([[0, 1], [2, 2]], np.uint32)),
        ("indices", None),
    ],
)
def test_damaged_matches_are_refused(tmp_path, name, value):
    some_matches().save(tmp_path / "matches.npz")
    with np.load(tmp_path / "matches.npz") as file:
        arrays = dict(file)
    arrays.pop(name)
    np.savez(tmp_path / "matches.npz", **arrays, **({} if value is None else {name: value}))
    with pytest.raises(DAMAGED_ARRAYS):
        Matches.load(tmp_path / "matches.npz", 3)
