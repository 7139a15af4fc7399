"""Posed photos as a world to place photos in: depth between pixels, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import find_model
from dust3r.core.errors import InputError
from dust3r.core.geometry.camera import sample_depth
from dust3r.core.geometry.rotation import rotation_angle
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.images.preprocessing import network_image
from dust3r.core.localization.localize import in_whole_patches, localize, localize_all, no_larger
from dust3r.core.localization.reference_views import SAME_SURFACE, is_map, read_map
from dust3r.core.reconstruction.result import AlignedView
from dust3r.core.settings import LocalizationSettings
from dust3r.tests import box_room
from dust3r.tests.perfect_network import Shot, perfect_model
from PIL import Image


@pytest.fixture(scope="module")
def model():
    return load_model(find_model("small"), torch.device("cpu"))


def depth_at(depth, pixels):
    return sample_depth(depth, pixels, SAME_SURFACE, edges="none")


def plane_depth(x, y):
    """z of a slanted plane at pixels: 1 / z is affine there."""
    return 1 / (0.2 + 0.001 * x - 0.002 * y)


def test_between_pixels_the_depth_of_a_plane_is_exact():
    x, y = np.meshgrid(np.arange(40) + 0.5, np.arange(30) + 0.5)
    wanted = np.stack([x, y], axis=-1)[:-2, :-2] + (0.3, 0.8)
    found = depth_at(plane_depth(x, y), wanted)
    np.testing.assert_allclose(found, plane_depth(wanted[..., 0], wanted[..., 1]), rtol=1e-12)


def test_at_pixels_the_depth_is_the_pixels_own():
    depth = np.random.default_rng(0).uniform(1, 9, (8, 10))
    x, y = np.meshgrid(np.arange(10) + 0.5, np.arange(8) + 0.5)
    np.testing.assert_allclose(depth_at(depth, np.stack([x, y], axis=-1)), depth, rtol=1e-12)


def test_where_a_surface_ends_there_is_no_depth_between():
    depth = np.full((4, 10), 2.0)
    depth[:, 5:], depth[:, 9] = 3.0, 0.0
    x = np.array([[4.5, 5.0, 5.5, 9.0, 9.5]])
    found = depth_at(depth, np.stack([x, np.full_like(x, 1.5)], axis=-1))
    np.testing.assert_array_equal(np.isfinite(found), [[True, False, True, False, False]])
    np.testing.assert_allclose(found[0, [0, 2]], (2, 3))


def test_a_posed_folder_is_a_world_whose_points_lie_on_its_walls(tmp_path, model):
    folder = box_room.write_scene(tmp_path / "room", size=(160, 120), depth="npz")
    world = read_map(folder, model)
    assert is_map(folder)
    assert [view.name for view in world.views] == [f"room_{k}.png" for k in range(5)]
    for view in world.views:
        points = view.world_points()[view.mask]
        assert view.mask.mean() > 0.9
        assert np.quantile(np.abs(np.abs(points).max(-1) - box_room.HALF), 0.99) < 0.01  # a corner's pixel is rounded
        np.testing.assert_allclose(np.median(np.abs(points).max(-1)), box_room.HALF, atol=1e-6)


def test_photos_without_depth_take_no_part_and_none_at_all_is_refused(tmp_path, model):
    folder = box_room.write_scene(tmp_path / "room", count=2, depth="npz")
    (folder / "depth" / "room_0.npz").unlink()
    assert [view.name for view in read_map(folder, model).views] == ["room_1.png"]
    (folder / "depth" / "room_1.npz").unlink()
    with pytest.raises(InputError, match="no depth"):
        read_map(folder, model)


def test_a_photo_that_is_not_of_its_cameras_size_is_refused(tmp_path, model):
    folder = box_room.write_scene(tmp_path / "room", count=2, depth="npz")
    text = (folder / "cameras.json").read_text()
    (folder / "cameras.json").write_text(text.replace('"width": 96', '"width": 97'))
    with pytest.raises(InputError, match=r"room_0\.png is 96 x 72 pixels"):
        read_map(folder, model)


@pytest.fixture(scope="module")
def room(tmp_path_factory, model):
    """(the world of four posed photos, the truth of a fifth by a camera of another format, a model that knows all)."""
    folder = tmp_path_factory.mktemp("room")
    world = read_map(box_room.write_scene(folder / "map", size=(128, 96), count=4, depth="npz"), model)
    others = read_map(box_room.write_scene(folder / "others", size=(192, 128), count=5, depth="npz"), model)
    truth = replace(others.views[4], name="new.png")
    return world, truth, perfect_model(map(Shot.of, [*world.views, truth]))


@pytest.mark.parametrize("way", ["matches", "relative"])
def test_a_photo_is_placed_where_it_was_taken_by_a_network_that_is_right(room, way):
    world, truth, perfect = room
    before = [view.world_points() for view in world.views]
    found = localize(truth.path, world, perfect, LocalizationSettings(way))
    assert np.degrees(rotation_angle(found.view.cam2world[:3, :3].T @ truth.cam2world[:3, :3])) < 0.1
    np.testing.assert_allclose(found.view.cam2world[:3, 3], truth.cam2world[:3, 3], atol=0.01)  # the room is 4 wide
    assert found.view.K[0, 0] == pytest.approx(truth.K[0, 0], rel=0.005)
    assert found.figures.inliers > 0.9 * found.figures.matches > 1000
    assert found.figures.median_reprojection_px < 1  # photo pixels: those of the map are half as large again
    np.testing.assert_allclose(found.view.depth[truth.mask], truth.depth[truth.mask], rtol=0.02)
    for view, points in zip(world.views, before, strict=True):
        np.testing.assert_array_equal(view.world_points(), points)


def test_a_world_that_another_program_has_framed_is_cut_to_what_the_network_takes(room):
    world, truth, _ = room
    odd = replace(world, views=tuple(view.cropped(3, 5, (123, 89)) for view in world.views))
    cut = in_whole_patches(odd, 16)
    for whole, view in zip(world.views, cut.views, strict=True):
        assert view.mapping.view_size == (112, 80)
        np.testing.assert_allclose(view.world_points(), whole.world_points()[9:89, 8:120], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(view.colors, whole.colors[9:89, 8:120])
    found = localize(truth.path, odd, perfect_model(map(Shot.of, [*cut.views, truth])))
    np.testing.assert_allclose(found.view.cam2world, truth.cam2world, atol=0.01)
    assert found.figures.inliers > 0.9 * found.figures.matches > 1000


def test_photos_smaller_than_a_patch_take_no_part_and_none_larger_is_refused(room):
    world, _, _ = room
    small = world.views[0].cropped(0, 0, (15, 90))
    cut = in_whole_patches(replace(world, views=(small, world.views[1])), 16)
    assert cut.views == world.views[1:2]
    with pytest.raises(InputError, match="at least 16 x 16 pixels"):
        in_whole_patches(replace(world, views=(small,)), 16)


def test_of_several_photos_those_that_cannot_be_placed_are_named(room, tmp_path):
    world, truth, _ = room
    Image.fromarray(255 - np.asarray(Image.open(truth.path))).save(tmp_path / "lost.png")
    shuffled = np.random.default_rng(0).permutation(truth.camera_points().reshape(-1, 3)).reshape(*truth.depth.shape, 3)
    lost = Shot(network_image(255 - truth.colors), shuffled, truth.cam2world)
    knows_less = perfect_model([*map(Shot.of, [*world.views, truth]), lost])
    placed, refused = localize_all([truth.path, tmp_path / "lost.png"], world, knows_less)
    assert [one.view.name for one in placed] == [truth.path.name]
    assert len(refused) == 1
    assert "lost.png cannot be placed: only" in refused[0]
    with pytest.raises(InputError, match=r"lost\.png cannot be placed"):
        localize_all([tmp_path / "lost.png"], world, knows_less)


def test_a_view_larger_than_the_network_is_shown_smaller():
    rows = np.repeat(np.arange(384, dtype=np.float32)[:, None] + 1, 512, axis=1)
    colors, K = np.full((384, 512, 3), 7, np.uint8), box_room.intrinsics((512, 384))
    mapping = PixelMapping((512, 384), (512, 384))
    view = AlignedView("a", Path("a"), mapping, K, np.eye(4), rows, rows, colors, rows > 100)
    small = no_larger(view, 192)
    assert small.mapping.view_size == (192, 144) and small.colors.shape == (144, 192, 3)
    assert np.abs(small.depth[:, 0] - (small.mapping.photo_axes()[1] + 0.5)).max() < 1
    assert np.array_equal(small.mask, small.depth > 100)
    assert no_larger(view, 512) is view
