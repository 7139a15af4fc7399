"""Features and matches of photos."""

import pytest
from dust3r.core.features.matching import match_photos
from dust3r.core.features.settings import FeatureSettings
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
