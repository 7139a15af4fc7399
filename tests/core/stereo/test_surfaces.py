"""Depth maps from photos of a room known in closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dust3r.core.errors import Cancelled
from dust3r.core.inference.array_store import MemoryStore
from dust3r.core.progress import silent
from dust3r.core.stereo import surfaces as surfaces_module
from dust3r.core.stereo.surfaces import STAGE, find_surfaces
from dust3r.tests.core import stereo_room
from PIL import Image

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return stereo_room.room(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def surfaces(room):
    return find_surfaces(room[0], 240, CPU, silent)


def off(surface, depth):
    return np.abs(surface.depth / depth - 1)


def test_depths_are_far_nearer_to_the_truth_than_the_networks(room, surfaces):
    for photo, true, surface in zip(*room, surfaces, strict=True):
        assert surface.mapping.view_size == stereo_room.SIZE == surface.depth.shape[::-1]
        network = np.abs(photo.depth / true[1::3, 1::3] - 1)
        assert np.median(off(surface, true)) < 0.2 * np.median(network)
        assert np.mean(off(surface, true) < 0.02) > 0.8


def test_most_pixels_are_confirmed_and_these_are_right(room, surfaces):
    for true, surface in zip(room[1], surfaces, strict=True):
        assert surface.confirmed.mean() > 0.5
        assert np.mean(off(surface, true)[surface.confirmed] < 0.02) > 0.95


def test_the_same_photos_give_the_same_bits(room, surfaces):
    again = find_surfaces(room[0], 240, CPU, silent)
    for first, second in zip(surfaces, again, strict=True):
        assert first.depth.tobytes() == second.depth.tobytes()
        assert first.confirmed.tobytes() == second.confirmed.tobytes()


def test_photos_side_by_side_give_the_bits_of_one_after_the_other(room, surfaces):
    cores = torch.get_num_threads()
    torch.set_num_threads(2)  # sums may be split by their number
    alone, together = (find_surfaces(room[0], 240, CPU, silent, at_once=at_once) for at_once in (1, 2))
    torch.set_num_threads(cores)
    for first, second in zip(alone, together, strict=True):
        assert first.depth.tobytes() == second.depth.tobytes()
        assert first.confirmed.tobytes() == second.confirmed.tobytes()


def test_an_interrupted_search_goes_on_where_it_was_with_the_same_bits(room, surfaces, monkeypatch):
    store, searches, search = MemoryStore(), [], surfaces_module.refine_depth

    def counting(*arguments):
        searches.append(1)
        return search(*arguments)

    def cancelled_later(stage, done, total):
        if len(searches) > len(room[0]) // 2:
            raise Cancelled

    monkeypatch.setattr(surfaces_module, "refine_depth", counting)
    with pytest.raises(Cancelled):
        find_surfaces(room[0], 240, CPU, cancelled_later, store=store)
    done = len(searches) - 1  # the last is not finished
    again = find_surfaces(room[0], 240, CPU, silent, store=store)
    for first, second in zip(surfaces, again, strict=True):
        assert first.depth.tobytes() == second.depth.tobytes()
        assert first.confirmed.tobytes() == second.confirmed.tobytes()
    assert done > 0 and len(searches) - done - 1 == len(room[0]) - done


@pytest.mark.parametrize("change", ["camera", "photo", "none"])
def test_what_was_searched_is_taken_for_the_same_photos_and_cameras_alone(room, tmp_path, monkeypatch, change):
    store, photos = MemoryStore(), room[0]
    find_surfaces(photos, 240, CPU, silent, store=store)
    before = len(store.arrays)
    if change == "camera":
        photos = [replace(photos[0], K=photos[0].K * (1.01, 1, 1)), *photos[1:]]
    elif change == "photo":
        Image.open(photos[0].path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "other.png")
        photos = [replace(photos[0], path=tmp_path / "other.png"), *photos[1:]]
    find_surfaces(photos, 240, CPU, silent, store=store)
    assert (len(store.arrays) > before) == (change != "none")


def test_photos_that_see_nothing_from_elsewhere_have_no_surface(room, tmp_path):
    photos, _ = room
    assert find_surfaces(photos[:1], 240, CPU, silent) == [None]
    assert find_surfaces([None, photos[0]], 240, CPU, silent) == [None, None]
    turned = replace(photos[1], cam2world=photos[0].cam2world)  # another direction would change nothing
    assert find_surfaces([photos[0], turned], 240, CPU, silent) == [None, None]
    strangers = replace(photos[1], tracks=photos[1].tracks + 1000)
    assert find_surfaces([photos[0], strangers], 240, CPU, silent) == [None, None]


def test_two_photos_confirm_each_other(room):
    surfaces = find_surfaces(room[0][:2], 240, CPU, silent)
    for true, surface in zip(room[1][:2], surfaces, strict=True):
        assert surface.confirmed.mean() > 0.3
        assert np.mean(off(surface, true)[surface.confirmed] < 0.02) > 0.9


def test_blank_walls_confirm_nothing_wrong(tmp_path):
    photos, depths = stereo_room.room(tmp_path, blank=True)
    for photo, true, surface in zip(photos, depths, find_surfaces(photos, 240, CPU, silent), strict=True):
        network = np.abs(photo.depth / true[1::3, 1::3] - 1)
        assert np.median(off(surface, true)) < 1.2 * np.median(network)


def test_what_a_mask_leaves_out_is_not_confirmed(room, tmp_path):
    mask = tmp_path / "mask.png"
    kept = np.full(stereo_room.SIZE[::-1], 255, np.uint8)
    kept[:, :50] = 0
    Image.fromarray(kept).save(mask)
    surface = find_surfaces([replace(room[0][0], mask_file=mask), *room[0][1:]], 240, CPU, silent)[0]
    assert np.array_equal(surface.mask, kept > 0)
    assert not surface.confirmed[:, :50].any() and surface.confirmed[:, 50:].mean() > 0.4


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("after", [0, 7, 25])
def test_cancelling_ends_the_search(room, after, at_once):
    calls = []

    def report(stage, done, total):
        assert stage == STAGE and 0 <= done <= total
        calls.append(done)
        if len(calls) > after:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_surfaces(room[0], 240, CPU, report, at_once=at_once)
    assert len(calls) == after + 1


@pytest.mark.parametrize("at_once", [1, 2])
def test_progress_never_falls_and_ends_full(room, at_once):
    steps = []
    find_surfaces(room[0][:2], 240, CPU, lambda stage, done, total: steps.append((done, total)), at_once=at_once)
    assert steps == sorted(steps) and steps[-1][0] == steps[-1][1]
