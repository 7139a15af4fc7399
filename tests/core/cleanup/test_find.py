"""Flaws beside the points: kept, saved, hidden and shown again; nothing is lost."""

import json
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.cleanup.find import find_flaws, hiding, with_flaws
from dust3r.core.cleanup.settings import CleanupSettings
from dust3r.core.errors import InputError
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.flaws import FLAWS, HIDDEN_AT_FIRST, bits_of, count_flaws, parse_flaws
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.settings import ReconstructionSettings
from dust3r.tests.core.cleanup_scene import make_view, room_views
from dust3r.tests.core.export_scene import read_ply


def reconstruction(hide=()):
    """Two photos of a wall with one pixel of each flaw in the first: floaters in row 1, and so on."""
    wall = np.full((20, 30), 2.0)
    flaws = np.zeros((20, 30), np.uint8)
    for row, flaw in enumerate(FLAWS.values(), 1):
        flaws[row, row] |= flaw.bit
    views = (make_view(wall, flaws=flaws), make_view(wall, flaws=np.zeros_like(flaws), name="b.png"))
    settings = ReconstructionSettings(min_confidence=1.0, hide=tuple(hide))
    return Reconstruction(views, "synthetic@0", settings, "0.1.0")


def test_every_flaw_has_a_bit_and_an_attribute_of_its_own():
    assert bits_of(FLAWS) == 127
    assert len({flaw.attribute for flaw in FLAWS.values()}) == len(FLAWS)
    assert set(HIDDEN_AT_FIRST) < set(FLAWS)


@pytest.mark.parametrize("name", FLAWS)
def test_hiding_a_flaw_leaves_out_its_points_and_no_others(name):
    whole = reconstruction()
    hidden = whole.with_settings(hide=(name,))
    assert len(whole.visible_points().position) == 1200
    assert len(hidden.visible_points().position) == 1199
    assert len(hidden.point_cloud().position) == 1200


def test_points_carry_the_flaws_of_their_pixels():
    cloud = reconstruction().point_cloud()
    assert {name: int((cloud.flaws & flaw.bit != 0).sum()) for name, flaw in FLAWS.items()} == dict.fromkeys(FLAWS, 1)
    plain = replace(reconstruction(), views=tuple(replace(v, flaws=None) for v in reconstruction().views))
    assert plain.point_cloud().flaws is None


def test_flaws_come_back_from_a_folder_and_results_of_before_have_none(tmp_path):
    whole = reconstruction(("sky",))
    whole.save(tmp_path)
    back = Reconstruction.load(tmp_path)
    assert back.hidden_flaws == ("sky",) and back.searched
    np.testing.assert_array_equal(back.views[0].flaws, whole.views[0].flaws)
    old = replace(whole, views=tuple(replace(view, flaws=None) for view in whole.views))
    old.save(tmp_path)
    head = json.loads((tmp_path / "reconstruction.json").read_text())
    head["settings"] = {"min_confidence": 1.0}
    (tmp_path / "reconstruction.json").write_text(json.dumps(head))
    back = Reconstruction.load(tmp_path)
    assert back.hidden_flaws == () and not back.searched and back.views[0].flaws is None
    assert len(back.visible_points().position) == 1200
    assert json.loads((tmp_path / "reconstruction.json").read_text())["format"] == 1


def test_what_is_hidden_is_not_exported_and_comes_back_with_the_flaw_switched_off(tmp_path):
    whole = reconstruction(("floaters", "sky"))
    for name, shown, count in (("some", whole, 1198), ("all", hiding(whole, ()), 1200)):
        export_reconstruction(shown, tmp_path / name, "ply")
        assert len(read_ply(tmp_path / name / "points.ply")) == count


def test_hiding_searches_what_nobody_has_searched_and_nothing_else():
    views = tuple(room_views(2))
    unknown = Reconstruction(views, "synthetic@0", None, "0.1.0")
    found = hiding(unknown, ("edges",))
    assert found.searched and found.hidden_flaws == ("edges",) and not unknown.searched
    marked = reconstruction()
    assert hiding(marked, ("sky",)).views is marked.views


def test_cameras_depths_and_masks_are_the_same_after_the_search():
    views = tuple(room_views(3))
    before = Reconstruction(views, "synthetic@0", None, "0.1.0")
    for view, searched in zip(views, with_flaws(before).views, strict=True):
        assert searched.flaws.shape == view.depth.shape and searched.flaws.dtype == np.uint8
        assert all(
            getattr(searched, name) is getattr(view, name) for name in ("depth", "confidence", "mask", "cam2world")
        )


def test_two_searches_find_the_same():
    views = room_views(4, noise=0.05)
    for first, second in zip(find_flaws(views), find_flaws(views), strict=True):
        np.testing.assert_array_equal(first, second)


def test_flaws_are_counted_for_people():
    maps = [view.flaws for view in reconstruction().views]
    assert count_flaws([*maps, None]) == "Floaters 1, Sky 1, Edges 1, Outliers 1, Unconfirmed 1, Guesses 1, Repeated 1"


@pytest.mark.parametrize(
    ("text", "names"),
    [("sky", ("sky",)), ("edges, floaters", ("floaters", "edges")), ("none", ()), (",".join(FLAWS), tuple(FLAWS))],
)
def test_a_list_of_flaws_is_read(text, names):
    assert parse_flaws(text) == names


@pytest.mark.parametrize("text", ["", "clouds", "sky,none", "sky,,edges"])
def test_a_list_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="does not say what to hide"):
        parse_flaws(text)


def test_settings_hide_what_is_sure_unless_told_and_refuse_what_is_no_flaw():
    assert ReconstructionSettings().hide == HIDDEN_AT_FIRST
    assert ReconstructionSettings.from_dict({}).hide == HIDDEN_AT_FIRST
    assert ReconstructionSettings.from_dict({"hide": ["sky"]}).hide == ("sky",)
    for wrong in (["clouds"], "sky", 3):
        with pytest.raises(InputError):
            ReconstructionSettings.from_dict({"hide": wrong})


@pytest.mark.parametrize("name", ["neighbours", "depth_tolerance", "edge_contrast", "outlier_fence"])
def test_limits_that_make_no_sense_are_refused(name):
    with pytest.raises(InputError, match=name):
        CleanupSettings(**{name: 0})
    with pytest.raises(InputError, match="at most 255"):
        CleanupSettings(neighbours=300)


def test_a_result_of_another_version_is_read_with_what_it_says_and_nothing_it_does_not(tmp_path):
    reconstruction().save(tmp_path)
    head = json.loads((tmp_path / "reconstruction.json").read_text())
    for written, read in (
        ({}, None),
        ({"of": "later"}, None),
        ({"min_confidence": 2.0, "of": "later"}, (2.0, (), "off")),
        ({"hide": ["sky"], "ground": "auto"}, (None, ("sky",), "auto")),
    ):
        (tmp_path / "reconstruction.json").write_text(json.dumps(head | {"settings": written}))
        settings = Reconstruction.load(tmp_path).settings
        assert (settings and (settings.min_confidence, settings.hide, settings.ground)) == read
