"""Masks for trainers: black where a photo's mask leaves it out, white elsewhere, as large as the upright photo."""

import json
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.export.masks import photo_mask
from dust3r.core.export.settings import ExportSettings
from dust3r.core.flaws import FLAWS, bits_of
from PIL import Image

from ...blender.synthetic_reconstruction import SHOTS, Shot, make_reconstruction
from ..export_scene import read_ply

WITH_MASKS = ("colmap", "colmap-text", "3dgs", "transforms")


@pytest.fixture
def result(tmp_path):
    (tmp_path / "photos").mkdir()
    return make_reconstruction(tmp_path / "photos")


def bare(result):
    return replace(result, views=tuple(replace(view, mask=np.ones_like(view.mask)) for view in result.views))


def test_a_mask_at_the_photos_own_pixels_is_the_mask(tmp_path):
    (view,) = make_reconstruction(tmp_path, (Shot("a.png"),)).views
    chosen = np.random.default_rng(0).random(view.mask.shape) < 0.5
    assert (photo_mask(replace(view, mask=chosen)) == chosen).all()


def test_between_the_networks_pixels_the_masks_edge_lies_half_way(tmp_path):
    """Network pixels of 3.5 photo pixels from (16, 4) on: columns 20 and 21 of 48 part at photo pixel 16 + 21 * 3.5."""
    shot = Shot("a.png", size=(200, 120), view_size=(48, 32), scale=(3.5, 3.5), offset=(16, 4))
    (view,) = make_reconstruction(tmp_path, (shot,)).views
    kept = photo_mask(replace(view, mask=np.broadcast_to(np.arange(48) > 20, (32, 48))))
    assert kept.shape == (120, 200)
    assert (kept == (np.arange(200) + 0.5 >= 16 + 21 * 3.5)).all()


def test_every_pixel_that_the_network_saw_is_kept_as_it_was_masked(result):
    for view in result.views:
        kept = photo_mask(view)
        x, y = np.moveaxis(np.floor(view.mapping.photo_pixels()).astype(int), -1, 0)
        assert (kept[y, x] == view.mask).mean() > 0.98
        assert kept.shape[::-1] == view.mapping.photo_size


@pytest.mark.parametrize("name", WITH_MASKS)
def test_masks_lie_beside_the_photos_under_their_names(result, tmp_path, name):
    export_reconstruction(result, tmp_path / "out", name)
    for shot, view in zip(SHOTS, result.views, strict=True):
        photo = tmp_path / "out" / "images" / shot.name.replace(" ", "_")
        with Image.open(tmp_path / "out" / "masks" / f"{photo.name}.png") as mask, Image.open(photo) as upright:
            assert (mask.mode, mask.size) == ("L", upright.size)
            assert ((np.asarray(mask) == 255) == photo_mask(view)).all()
            assert {*np.unique(np.asarray(mask))} == {0, 255}


def test_masks_are_the_photos_however_few_points_are_written(result, tmp_path):
    export_reconstruction(result, tmp_path / "few", "transforms", ExportSettings(max_points=10, min_confidence=4.0))
    export_reconstruction(result, tmp_path / "all", "transforms", ExportSettings(max_points=0, min_confidence=1.0))
    for path in (tmp_path / "all" / "masks").iterdir():
        assert path.read_bytes() == (tmp_path / "few" / "masks" / path.name).read_bytes()


def test_transforms_name_every_frames_mask(result, tmp_path):
    export_reconstruction(result, tmp_path / "out", "transforms")
    for frame in json.loads((tmp_path / "out" / "transforms.json").read_text())["frames"]:
        assert frame["mask_path"] == frame["file_path"].replace("images/", "masks/") + ".png"
        assert (tmp_path / "out" / frame["mask_path"]).is_file()


@pytest.mark.parametrize("name", WITH_MASKS)
def test_photos_without_masks_come_without_a_masks_folder(result, tmp_path, name):
    export_reconstruction(bare(result), tmp_path / "out", name)
    assert not (tmp_path / "out" / "masks").exists()
    if name == "transforms":
        frames = json.loads((tmp_path / "out" / "transforms.json").read_text())["frames"]
        assert not any("mask_path" in frame for frame in frames)


def test_one_masked_photo_brings_a_mask_of_every_photo(result, tmp_path):
    result = replace(result, views=(result.views[0], *bare(result).views[1:]))
    export_reconstruction(result, tmp_path / "out", "transforms")
    whites = {path.name for path in (tmp_path / "out" / "masks").iterdir() if Image.open(path).getextrema()[0] == 255}
    assert len(whites) == len(SHOTS) - 1


def test_masks_stay_away_with_the_photos(result, tmp_path):
    export_reconstruction(result, tmp_path / "out", "transforms", ExportSettings(photos=False))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"transforms.json", "points.ply"}


@pytest.mark.parametrize("name", ["colmap", "transforms", "ply"])
def test_points_hidden_for_a_flaw_are_left_out_and_the_photos_masks_stay(result, tmp_path, name):
    flaw = next(iter(FLAWS))
    marked = tuple(replace(view, flaws=np.full(view.mask.shape, bits_of([flaw]), np.uint8)) for view in result.views)
    export_reconstruction(result, tmp_path / "whole", name)
    export_reconstruction(replace(result, views=marked).with_settings(hide=(flaw,)), tmp_path / "out", name)
    files = [p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.png") if p.parent.name == "masks"]
    assert len(files) == (0 if name == "ply" else len(SHOTS))
    for file in files:
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    if name != "colmap":
        assert len(read_ply(tmp_path / "out" / "points.ply")) == 0 < len(read_ply(tmp_path / "whole" / "points.ply"))
