"""Parts of the scene by themselves: where points are seen, where cameras can stand, and what is not ours to change."""

import json
from collections import Counter

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.world.transform import WORLD_TO_Z_UP
from dust3r.operators.scene import add_reconstruction, points_input, points_modifier, render
from dust3r.operators.scene.free_space import FIELDS_OF_VIEW, GRID, MOST_ROLL, STEEPEST, _Space, sample_cameras
from dust3r.operators.scene.localized import add_matched
from dust3r.operators.scene.point_cloud import confident_points, read_points
from dust3r.operators.scene.preview_overlay import OUTLINE
from dust3r.operators.scene.private_copy import use_engine
from dust3r.operators.scene.reading import find_points
from dust3r.operators.scene.render import render_still
from dust3r.operators.scene.world import add_pick, move_world
from mathutils import Euler, Matrix
from PIL import Image

from .synthetic_reconstruction import Shot, as_placed, make_reconstruction

SHOTS = (Shot("a.png", size=(24, 16)), Shot("b.png", size=(24, 16)))


def test_points_are_told_where_they_are_seen_however_their_object_was_moved(tmp_path, empty_scene):
    result = make_reconstruction(tmp_path, SHOTS)
    cloud = find_points(add_reconstruction(empty_scene, result))
    cloud.matrix_world = (
        Matrix.Translation((3, -4, 5)) @ Euler((0.3, -0.2, 0.9)).to_matrix().to_4x4() @ Matrix.Scale(2, 4)
    )
    bpy.context.view_layer.update()
    move, view = np.array(cloud.matrix_world), result.views[1]
    shown = view.world_points()[view.kept(points_input(points_modifier(cloud), "Minimum Confidence"))]
    expected = shown @ WORLD_TO_Z_UP[:3, :3].T @ move[:3, :3].T + move[:3, 3]
    found = confident_points(cloud, [1])
    assert len(found) == len(expected)
    np.testing.assert_allclose(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)], atol=1e-4)
    assert len(confident_points(cloud, [])) == 0
    assert len(confident_points(bpy.data.objects.new("Empty", bpy.data.meshes.new("Empty")), [0, 1])) == 0


@pytest.fixture
def block(empty_scene):
    """A block of 2 x 2 x 2 around the origin on a floor of 16 x 16."""
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.ops.mesh.primitive_plane_add(size=16, location=(0, 0, -1))
    return empty_scene


def off_surface(points):
    away = np.abs(points)
    beside = np.where(away.max(-1) <= 1 + 1e-3, np.abs(away.max(-1) - 1), np.inf)
    return np.minimum(beside, np.abs(points[:, 2] + 1))


def test_what_cameras_look_at_lies_on_surfaces(block):
    space = _Space(block, np.random.default_rng(0))
    assert off_surface(np.array(space._targets)).max() < 1e-4
    assert len(space._targets) > 50


@pytest.mark.parametrize("size", [(64, 48), (48, 64)])
def test_cameras_in_free_space_are_pinholes_that_stand_upright_and_know_how_far_surfaces_are(block, size):
    cameras = sample_cameras(block, 3, size, np.random.default_rng(1))
    assert len(cameras) == 3
    for camera in cameras:
        K, R, place = camera.K, camera.cam2world[:3, :3], camera.cam2world[:3, 3]
        assert (K[0, 2], K[1, 2]) == (size[0] / 2, size[1] / 2) and K[0, 0] == K[1, 1]
        field = 2 * np.degrees(np.arctan(max(size) / 2 / K[0, 0]))
        assert FIELDS_OF_VIEW[0] <= field <= FIELDS_OF_VIEW[1]
        assert pytest.approx(np.eye(3), abs=1e-9) == R @ R.T and np.linalg.det(R) == pytest.approx(1)
        assert abs(np.degrees(np.arcsin(R[2, 2]))) <= STEEPEST + 1e-6
        assert R[2, 1] < 0 and abs(np.degrees(np.arcsin(R[2, 0]))) <= MOST_ROLL  # down is down
        x, y = (np.arange(GRID[k]) + 0.5 for k in (0, 1))
        column, row = np.meshgrid(x * size[0] / GRID[0], y * size[1] / GRID[1])
        rays = np.stack([(column - K[0, 2]) / K[0, 0], (row - K[1, 2]) / K[1, 1], np.ones_like(row)], axis=-1)
        points = (rays * camera.depth[..., None] @ R.T + place)[camera.depth > 0]
        assert off_surface(points).max() < 1e-3


@pytest.fixture
def linked(tmp_path, empty_scene):
    """A reconstruction that belongs to another .blend."""
    add_reconstruction(empty_scene, make_reconstruction(tmp_path, SHOTS))
    name = empty_scene.collection.children[0].name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.collections = [name]
    bpy.context.scene.collection.children.link(bpy.data.collections[name])
    bpy.context.view_layer.update()
    return bpy.data.collections[name]


def test_a_librarys_reconstruction_is_neither_moved_nor_added_to(linked):
    before = {thing.name: np.array(thing.matrix_world) for thing in linked.objects}
    for change in (lambda: move_world(linked, np.diag([2.0, 2, 2, 1]), "scale"), lambda: add_pick(linked, np.ones(3))):
        with pytest.raises(InputError, match=r"belongs to library\.blend"):
            change()
    assert {thing.name for thing in linked.objects} == set(before)
    assert all((np.array(linked.objects[name].matrix_world) == pose).all() for name, pose in before.items())
    assert not [thing for thing in bpy.data.objects if thing.type == "EMPTY"]


def test_cameras_of_photos_placed_in_the_scene_stand_where_they_were_found(tmp_path, empty_scene):
    result = make_reconstruction(tmp_path, SHOTS)
    cameras, warnings = add_matched(empty_scene, as_placed(result, 7))
    assert warnings == []
    bpy.context.view_layer.update()
    for camera, view in zip(cameras, result.views, strict=True):
        expected = view.cam2world @ np.diag([1, -1, -1, 1])  # its world is Blender's already
        np.testing.assert_allclose(np.array(camera.matrix_world), expected, atol=1e-5)
        assert camera.name == view.name
        assert camera.data.background_images[0].image.filepath.endswith(view.name)
    assert [
        json.loads(value)["inliers"] for camera in cameras for value in camera.values() if "inliers" in str(value)
    ] == [7, 7]


def test_a_cameras_outline_joins_its_centre_to_all_corners_and_these_in_a_ring():
    assert len({frozenset(line) for line in OUTLINE}) == 8
    assert Counter(end for line in OUTLINE for end in line) == {0: 4, 1: 3, 2: 3, 3: 3, 4: 3}


def test_a_still_that_the_disk_cut_off_is_not_kept(tmp_path, empty_scene, monkeypatch):
    camera = bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye"))
    empty_scene.collection.objects.link(camera)
    monkeypatch.setattr(render, "PNG_END", b"another end")
    with pytest.raises(InputError, match="disk for temporary files is full"):
        render_still(empty_scene, tmp_path / "still.png", samples=1, size=(8, 8), camera=camera)
    assert not (tmp_path / "still.png").exists()


def test_points_in_edit_mode_are_not_read(tmp_path, empty_scene):
    cloud = find_points(add_reconstruction(empty_scene, make_reconstruction(tmp_path, SHOTS)))
    assert len(read_points(cloud).position) == len(cloud.data.vertices)
    bpy.context.view_layer.objects.active = cloud
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(InputError, match="Edit Mode"):
        read_points(cloud)
    bpy.ops.object.mode_set(mode="OBJECT")


def test_every_engine_that_renders_views_is_one_of_this_blenders(empty_scene):
    found = []
    for engine in ("cycles", "eevee", "workbench"):
        empty_scene.render.engine = "CYCLES"
        use_engine(empty_scene, engine, 4)
        found.append(empty_scene.render.engine)
    assert [name.split("_NEXT")[0] for name in found] == ["CYCLES", "BLENDER_EEVEE", "BLENDER_WORKBENCH"]


def test_a_photo_that_has_changed_its_size_leaves_no_image_behind(tmp_path, empty_scene):
    result = make_reconstruction(tmp_path, (Shot("a.tif", size=(24, 16)), SHOTS[1]))
    Image.new("RGB", (30, 16)).save(tmp_path / "a.tif")
    collection = add_reconstruction(empty_scene, result)
    assert not collection.objects["a.tif"].data.background_images
    assert [image.name for image in bpy.data.images] == ["b.png"]
