"""Photos made ready for Depth Anything 3 as the published loader does it, to one level."""

import json

import numpy as np
import pytest
from dust3r.core.images.preprocessing import Framing, in_common_shape, load_view, load_views
from dust3r.core.images.resampling import area_weights, cubic_weights, resized
from dust3r.tests.depth_anything_3 import GOLDEN, procweights
from PIL import Image

CASES = json.loads((GOLDEN / "preprocess.json").read_text())["cases"]
STORED = ["land", "port", "square", "wide", "tiny_up", "exact", "tie_up", "half_even_a", "half_even_b", "photo_4_3"]
STORED += ["photo_3_2", "phone", "grow", "small_up", "small_mixed", "mixed504", "small_land"]


@pytest.mark.parametrize("name", STORED)
def test_a_set_of_photos_becomes_the_published_input(tmp_path, name):
    case = next(case for case in CASES if case["case"] == name)
    paths = [tmp_path / f"{number}.png" for number in range(len(case["seeds"]))]
    for path, seed, (height, width) in zip(paths, case["seeds"], case["inputs_hw"], strict=True):
        Image.fromarray(procweights.image(seed, height, width)).save(path)
    views, warnings = load_views(paths, Framing(case["process_res"], 14, joint=True))
    assert not warnings
    with np.load(GOLDEN / "preprocess.npz") as arrays:
        expected = arrays[f"{name}.image"].astype(int)
        K_in, K_out = (arrays.get(f"{name}.{K}") for K in ("K_in", "K_out"))
    step = 1 if case["stored"].startswith("all") else 16
    for number, view in enumerate(views):
        assert view.colors.shape[:2] == tuple(case["output_hw"])
        assert np.abs(view.colors[::step, ::step].astype(int) - expected[number]).max() <= 1
        if K_in is not None:
            scale, offset = np.array(view.mapping.scale), np.array(view.mapping.offset)
            np.testing.assert_allclose((K_in[number, :2, 2] - offset) / scale, K_out[number, :2, 2], rtol=1e-5)


def test_a_view_maps_back_to_where_it_was_cut_from(tmp_path):
    for name, size in (("wide", (640, 480)), ("high", (480, 640))):
        Image.fromarray(procweights.image(3, size[1], size[0])).save(tmp_path / f"{name}.png")
    framing = Framing(504, 14, joint=True)
    wide, high = in_common_shape([load_view(tmp_path / f"{name}.png", framing) for name in ("wide", "high")])
    assert wide.mapping.view_size == high.mapping.view_size == (378, 378)
    assert wide.image.shape == (3, 378, 378) and wide.mask.shape == (378, 378)
    x, y = wide.mapping.photo_axes()
    np.testing.assert_allclose([x.mean(), y.mean()], wide.mapping.photo_centre)
    np.testing.assert_allclose(wide.mapping.offset, (80, 0))


@pytest.mark.parametrize(("count", "to"), [(10, 3), (480, 378), (17, 16), (5, 5)])
def test_area_weights_give_each_source_pixel_its_whole_share(count, to):
    weights = area_weights(count, to).toarray()
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(weights.sum(0), to / count)


def test_cubic_weights_keep_a_straight_line_away_from_the_edges():
    line = np.arange(20.0)
    found = cubic_weights(20, 50) @ line
    np.testing.assert_allclose(found[5:-5], ((np.arange(50) + 0.5) * 0.4 - 0.5)[5:-5], atol=0.05)


def test_a_photo_of_the_wanted_size_stays_as_it_is():
    photo = procweights.image(1, 20, 30)
    assert resized(photo, (30, 20)) is photo
