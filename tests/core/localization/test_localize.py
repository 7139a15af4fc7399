"""A new photo in a world that is there: where analytic scenes say it was taken, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.errors import InputError
from dust3r.core.geometry.rotation import rotation_angle
from dust3r.core.images.preprocessing import load_view
from dust3r.core.localization.absolute_pose import own_depth, place
from dust3r.core.localization.localize import as_reconstruction, localize, map_view
from dust3r.core.pipeline.reconstruct import framing_of, reconstruct
from dust3r.core.reconstruction.localization import Localization
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.settings import LocalizationSettings, ReconstructionSettings
from dust3r.tests.core.pair_scene import pairs_with

ROOT = Path(__file__).resolve().parents[3]
PHOTOS = sorted((ROOT / "samples" / "studio" / "images").iterdir())
WAYS = ("matches", "relative")


def errors(cam2world, truth):
    """(degrees, distance of the centres in scene units)."""
    turn = np.degrees(rotation_angle(cam2world[:3, :3].T @ truth[:3, :3]))
    return turn, np.linalg.norm(cam2world[:3, 3] - truth[:3, 3])


@pytest.mark.parametrize("way", WAYS)
def test_exact_pairs_place_the_photo_where_it_was_taken(way):
    known, pairs, truth, focal = pairs_with(3)
    placed = place(known, pairs, LocalizationSettings(way))
    assert errors(placed.cam2world, truth) < (0.3, 0.03)  # the room is 6 wide
    assert placed.camera.focal == pytest.approx(focal, rel=1e-3)
    assert placed.inliers.mean() > 0.9


@pytest.mark.parametrize("way", WAYS)
def test_noisy_pairs_with_outliers_place_it_nearly_there(way):
    known, pairs, truth, focal = pairs_with(3, "medium")
    turn, distance = errors(place(known, pairs, LocalizationSettings(way, focal=focal)).cam2world, truth)
    assert turn < 3
    assert distance < 0.3


def test_the_new_photos_depth_is_in_the_worlds_units():
    known, pairs, _, _ = pairs_with(3)
    depth = own_depth(place(known, pairs, LocalizationSettings()), known[0], pairs[0])
    other, more, _, _ = pairs_with(0)  # photo 3 is known there, with its true depth
    assert np.median(depth / other[-1].depth) == pytest.approx(1, rel=0.01)
    assert more[-1].views[0].name == "3.png"


@pytest.mark.parametrize(
    ("name", "value"), [("way", "guess"), ("neighbours", 0), ("min_inliers", 0), ("min_inlier_share", 2), ("focal", -1)]
)
def test_settings_that_cannot_be_are_refused(name, value):
    with pytest.raises(InputError, match=name):
        LocalizationSettings(**{name: value})


@pytest.fixture(scope="module")
def model():
    return load_model(find_model("small"), torch.device("cpu"))


@pytest.fixture(scope="module")
def world(model):
    return reconstruct(PHOTOS[:3], model, ReconstructionSettings(cameras="network"))


LENIENT = LocalizationSettings(min_inlier_share=0.05)


def test_what_the_network_saw_comes_back_from_the_reconstruction_to_the_last_bit(model, world):
    for photo, view in zip(PHOTOS, world.views, strict=False):
        assert (map_view(view, 1.0).image == load_view(photo, framing_of(model.config)).image).all()


def test_a_photo_is_placed_and_nothing_else_moves(model, world):
    before = [view.cam2world.copy() for view in world.views]
    found = localize(PHOTOS[3], world, model, LENIENT)
    assert [(a == b.cam2world).all() for a, b in zip(before, world.views, strict=True)] == [True] * 3
    assert found.view.name == PHOTOS[3].name
    assert set(found.figures.neighbours) <= {view.name for view in world.views}
    assert 0 < found.figures.inliers <= found.figures.matches
    assert found.figures.median_reprojection_px < 0.015 * max(found.view.mapping.photo_size)
    assert (localize(PHOTOS[3], world, model, LENIENT).view.cam2world == found.view.cam2world).all()


def test_a_photo_of_the_reconstruction_itself_is_its_own_best_neighbour(model, world):
    found = localize(PHOTOS[1], world, model, LENIENT)
    assert found.figures.neighbours[0] == PHOTOS[1].name


def test_photos_of_other_worlds_are_not_compared(model, world):
    apart = replace(world, views=(*world.views[:2], replace(world.views[2], component=1)))
    assert localize(PHOTOS[2], apart, model, replace(LENIENT, min_inliers=1)).figures.neighbours == (PHOTOS[2].name,)


def test_a_photo_that_too_little_agrees_with_is_refused_in_one_sentence(model, world):
    other = next((ROOT / "samples" / "buddha" / "images").iterdir())
    with pytest.raises(InputError, match=rf"{other.name} cannot be placed: only \d+ of \d+ matches agree"):
        localize(other, world, model)


def test_a_placed_photo_is_saved_and_read_as_a_reconstruction_of_one(model, world, tmp_path):
    found = localize(PHOTOS[3], world, model, LENIENT)
    as_reconstruction([found], world, LENIENT).save(tmp_path)
    back = Reconstruction.load(tmp_path)
    assert (back.views[0].cam2world == found.view.cam2world).all()
    assert back.localization == Localization(LENIENT, (found.figures,))
