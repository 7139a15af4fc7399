"""What we put into a scene, number by number: cameras, backgrounds, marks, overlays, and finding it all again."""

import json
import math
import os
import sys
from dataclasses import replace
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.cleanup.settings import CleanupSettings
from dust3r.core.errors import InputError, ReconstructionError
from dust3r.core.flaws import FLAWS, SURELY_FLAWED
from dust3r.core.reconstruction.preview import Preview
from dust3r.core.world.scale import SceneScale
from dust3r.operators.scene import add_reconstruction, marks, preview_overlay, remembered_view, viewpoints
from dust3r.operators.scene import earlier_world as module
from dust3r.operators.scene.axes import blender_camera
from dust3r.operators.scene.backgrounds import add_background, turn_background
from dust3r.operators.scene.camera_path import first_free_frame
from dust3r.operators.scene.cameras import (
    INTRINSICS,
    SIZE,
    VIEW_INDEX,
    _set_extent,
    intrinsics_of,
    pixel_of_direction,
    set_intrinsics,
    use_photo_format,
)
from dust3r.operators.scene.earlier_world import ENOUGH, earlier_world
from dust3r.operators.scene.flaws import can_hide, flaw_switches, hidden_flaws, read_flaws, set_flaws
from dust3r.operators.scene.found_again import Place, collection_again, scene_again
from dust3r.operators.scene.loaded_images import image_file, loaded_photos
from dust3r.operators.scene.localized import LOCALIZATION, MATCHED, add_localized, add_matched
from dust3r.operators.scene.photo_visibility import OFF, photos_off, switch_photos, without_photos_off
from dust3r.operators.scene.point_cloud import points_modifier
from dust3r.operators.scene.points_nodes import HIDE, set_points_input
from dust3r.operators.scene.quiet import blender_silenced
from dust3r.operators.scene.reading import _pixels, find_points, photo_cameras, read_reconstruction, reconstructions
from dust3r.operators.scene.reconstruction import RECIPE, read_recipe
from dust3r.operators.scene.shared import STAMP, check_own, shared_block, taken_back_on_failure
from dust3r.operators.scene.statistics import STATISTICS, read_statistics
from dust3r.operators.scene.world import add_pick, camera_pose, move_world, moved_since, picked_points, to_core
from mathutils import Matrix, Quaternion, Vector

from .synthetic_reconstruction import SHOTS, Shot, make_reconstruction

TWO = (Shot("a.png", size=(24, 16)), Shot("b.png", size=(24, 16)))


def new_camera(scene=None, name="Own"):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    if scene is not None:
        scene.collection.objects.link(camera)
    return camera


@pytest.fixture
def added(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, TWO)
    collection = add_reconstruction(empty_scene, made)
    bpy.context.view_layer.update()
    return made, collection


# cameras


@pytest.mark.parametrize(("fx", "fy"), [(80.0, 80.0), (80.0, 65.0), (65.0, 80.0)])
def test_lens_shifts_and_pixels_are_those_of_k(empty_scene, fx, fy):
    camera = new_camera(empty_scene)
    data = camera.data
    data.sensor_fit, data.sensor_width = "VERTICAL", 20
    set_intrinsics(camera, (96, 64), [fx, 0, 50, 0, fy, 20, 0, 0, 1])
    assert (data.sensor_fit, data.sensor_width, data.lens) == ("HORIZONTAL", 36, pytest.approx(fx * 36 / 96))
    assert data.shift_x == pytest.approx((48 - 50) / 96) and data.shift_y == pytest.approx((20 - 32) / 96 * fx / fy)
    assert list(camera[SIZE]) == [96, 64] and list(camera[INTRINSICS]) == [fx, 0, 50, 0, fy, 20, 0, 0, 1]
    empty_scene.render.resolution_percentage = 50
    use_photo_format(empty_scene, camera)
    render = empty_scene.render
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (96, 64, 100)
    assert (render.pixel_aspect_x, render.pixel_aspect_y) == pytest.approx((max(1, fy / fx), max(1, fx / fy)))
    camera.matrix_world = Matrix.Rotation(0.3, 4, "Y") @ Matrix.Rotation(0.2, 4, "X")
    ray = np.array([(70 - 50) / fx, -(11 - 20) / fy, -1])
    direction = Vector((np.array(camera.matrix_world)[:3, :3] @ ray).tolist())
    assert pixel_of_direction(camera, direction) == pytest.approx((70, 11), abs=1e-4)


def test_clipping_and_symbol_go_with_the_scenes_depths(empty_scene):
    data = bpy.data.cameras.new("Own")
    _set_extent(data, SceneScale(depth=4.0, farthest=30.0, spacing=1.0))
    assert (data.clip_start, data.clip_end, data.display_size) == pytest.approx((0.004, 3000, 0.4))


def test_a_camera_that_looks_forward_in_core_looks_along_y_in_blender():
    found = np.array(blender_camera(np.eye(4)))
    assert found[:3, 2] == pytest.approx([0, -1, 0]) and found[:3, 1] == pytest.approx([0, 0, 1])
    moved = np.eye(4)
    moved[:3, 3] = 1, 2, 3
    assert np.array(blender_camera(moved))[:3, 3] == pytest.approx([1, 3, -2])


@pytest.mark.parametrize("kind", ["ORTHO", "PANO"])
def test_only_pinholes_have_intrinsics(empty_scene, kind):
    camera = new_camera()
    camera.data.type = kind
    with pytest.raises(InputError, match=f"'Own' is no perspective camera \\({kind.lower()}\\)"):
        intrinsics_of(camera, (64, 48))


# backgrounds


@pytest.mark.parametrize(("quarters", "scale"), [(0, 1.0), (1, 2 / 3), (2, 1.0), (3, 2 / 3)])
def test_a_background_on_its_side_is_scaled_to_fill_the_frame(empty_scene, quarters, scale):
    for size in ((90.0, 60.0), (60.0, 90.0)):
        background = bpy.data.cameras.new("Own").background_images.new()
        turn_background(background, quarters, size)
        assert background.rotation == pytest.approx(quarters * math.pi / 2) and background.scale == pytest.approx(scale)


def test_a_background_has_the_aspect_of_the_cameras_pixels(tmp_path, empty_scene):
    for number, orientation in enumerate((1, 6)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (view,) = make_reconstruction(folder, (Shot("a.png", focal=(80, 40), orientation=orientation),)).views
        image = add_background(bpy.data.cameras.new("Own"), view)
        assert tuple(image.display_aspect) == ((1, 2) if orientation == 1 else (2, 1))


# blocks that are shared, and taking back


def test_a_shared_block_is_of_its_version_and_of_this_file(empty_scene):
    made = []

    def make(name):
        made.append(name)
        return bpy.data.materials.new(name)

    one = shared_block(bpy.data.materials, "Ours", 2, make)
    assert shared_block(bpy.data.materials, "Ours", 2, make) == one and one[STAMP] == 2
    other = shared_block(bpy.data.materials, "Ours", 3, make)
    assert other != one and other.name == "Ours.001" and made == ["Ours", "Ours"]
    assert shared_block(bpy.data.materials, "Ours", 3, make) == other
    block = SimpleNamespace(name="Ours", library="elsewhere", get=lambda key: 2)
    assert shared_block([block], "Ours", 2, make) not in (block, one, other)


def test_a_failure_takes_back_blocks_markers_and_settings(empty_scene):
    scene = empty_scene
    kept = new_camera(scene, "Kept")
    scene.timeline_markers.new("kept", frame=3)
    scene.camera, scene.frame_start, scene.frame_end, scene.frame_current = kept, 2, 9, 5
    render = scene.render
    render.resolution_x, render.pixel_aspect_y = 77, 2
    with pytest.raises(ZeroDivisionError), taken_back_on_failure(scene):
        scene.timeline_markers.new("new", frame=4)
        scene.camera = new_camera(scene, "New")
        scene.frame_start, scene.frame_end, scene.frame_current = 1, 100, 50
        render.resolution_x = render.resolution_y = render.resolution_percentage = 11
        render.pixel_aspect_x = render.pixel_aspect_y = 3
        for blocks in (bpy.data.meshes, bpy.data.collections, bpy.data.materials):
            blocks.new("new")
        raise ZeroDivisionError
    assert [marker.name for marker in scene.timeline_markers] == ["kept"] and scene.camera == kept
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (2, 9, 5)
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (77, 1080, 100)
    assert (render.pixel_aspect_x, render.pixel_aspect_y) == (1, 2)
    assert len(bpy.data.meshes) == len(bpy.data.collections) == len(bpy.data.materials) == 0
    assert [thing.name for thing in bpy.data.objects] == ["Kept"]
    with taken_back_on_failure(scene):
        bpy.data.meshes.new("new")
    assert len(bpy.data.meshes) == 1


def block(library=None, data=None, objects=(), override=None):
    return SimpleNamespace(library=library, data=data, objects=objects, override_library=override, name="Ours")


def test_what_belongs_to_a_library_in_any_of_its_blocks_is_not_ours_to_change():
    library = SimpleNamespace(filepath="//folder/theirs.blend")
    check_own(block(objects=[block(), block(data=block())]))
    for foreign in (
        block(library),
        block(objects=[block(), block(library)]),
        block(objects=[block(data=block(library))]),
        block(override=SimpleNamespace(reference=block(library))),
    ):
        with pytest.raises(InputError, match="'Ours' belongs to theirs\\.blend"):
            check_own(foreign)


def test_a_place_is_found_whatever_it_is_called_until_it_is_gone(empty_scene):
    collection = bpy.data.collections.new("Ours")
    other = bpy.data.collections.new("Other")
    scene_place, place = Place.of(empty_scene), Place.of(collection)
    collection.name, empty_scene.name = "Renamed", "Shot"
    assert scene_again(scene_place) == empty_scene and collection_again(place) == collection
    assert place.name == "Ours" and collection_again(Place.of(other)) == other
    bpy.data.collections.remove(collection)
    with pytest.raises(ReconstructionError, match="The reconstruction Ours is gone"):
        collection_again(place)
    with pytest.raises(ReconstructionError, match="The scene Ours is gone"):
        scene_again(place)
    with pytest.raises(ReconstructionError, match="The reconstruction Scene is gone"):
        collection_again(scene_place)


# reading


def test_points_lead_back_to_the_network_pixels_that_they_came_from(tmp_path):
    for view in make_reconstruction(tmp_path, SHOTS[3:7]).views:
        points = view.world_points()[view.mask]
        (rows, columns), depth = _pixels(points, view.K, view.cam2world, view.mapping)
        at = np.argwhere(view.mask)
        assert rows.tolist() == at[:, 0].tolist() and columns.tolist() == at[:, 1].tolist()
        assert depth == pytest.approx(view.depth[view.mask], rel=1e-5)


def test_cameras_of_photos_come_in_the_order_of_their_numbers_and_no_others_do(added):
    _, collection = added
    cameras = photo_cameras(collection)
    assert [camera.name for camera in cameras] == ["a.png", "b.png"]
    cameras[0][VIEW_INDEX] = 7
    for name, properties in (("plain", {}), ("sized", {SIZE: [1, 1]}), ("odd", {SIZE: [1, 1], VIEW_INDEX: "x"})):
        camera = new_camera(name=name)
        for key, value in properties.items():
            camera[key] = value
        collection.objects.link(camera)
    mesh = bpy.data.objects.new("mesh", bpy.data.meshes.new("mesh"))
    mesh[SIZE], mesh[VIEW_INDEX] = [1, 1], 3
    collection.objects.link(mesh)
    assert [camera.name for camera in photo_cameras(collection)] == ["b.png", "a.png"]


def test_collections_that_every_layer_excludes_are_no_reconstructions_of_the_scene(added, empty_scene):
    _, collection = added
    assert reconstructions(empty_scene) == [collection]
    layer = empty_scene.view_layers[0].layer_collection.children[collection.name]
    layer.exclude = True
    assert reconstructions(empty_scene) == []
    empty_scene.view_layers.new("second")
    assert reconstructions(empty_scene) == [collection]


@pytest.mark.parametrize("content", ["[1, 2]", "no JSON", 5, "[" * 100_000])
def test_a_recipe_that_is_none_is_a_sentence(added, content):
    _, collection = added
    collection[RECIPE] = content
    with pytest.raises(InputError, match="is not one that DUSt3R wrote"):
        read_recipe(collection)


def test_what_lacks_points_recipe_or_numbers_is_no_whole_reconstruction(added, empty_scene):
    _, collection = added
    recipe = json.loads(collection[RECIPE])
    collection[RECIPE] = json.dumps({name: value for name, value in recipe.items() if name != "views"})
    with pytest.raises(InputError, match="older version that did not keep enough"):
        read_reconstruction(collection)
    collection[RECIPE] = json.dumps(recipe | {"views": recipe["views"][:1]})
    with pytest.raises(InputError, match="not as DUSt3R wrote it"):
        read_reconstruction(collection)
    bpy.data.objects.remove(find_points(collection))
    with pytest.raises(InputError, match="not a whole reconstruction"):
        read_reconstruction(collection)
    with pytest.raises(InputError, match="not a whole reconstruction"):
        read_reconstruction(bpy.data.collections.new("Other"))


def test_a_percentage_that_is_none_is_refused_and_its_limits_are_not(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, TWO)
    for good in (0, 100):
        add_reconstruction(empty_scene, made, display_percentage=good)
    for bad in (-0.5, 100.5):
        with pytest.raises(InputError, match=f"The display percentage is {bad:g}; give 0 to 100"):
            add_reconstruction(empty_scene, made, display_percentage=bad)


def test_frames_follow_those_of_earlier_photos_and_never_begin_before_1(tmp_path, empty_scene):
    made, scene = make_reconstruction(tmp_path, TWO), empty_scene
    scene.timeline_markers.new("early", frame=-20).camera = new_camera(scene)
    scene.timeline_markers.new("no camera", frame=50)
    add_reconstruction(scene, made)
    frames = [marker.frame for marker in scene.timeline_markers if marker.camera]
    assert frames == [-20, 1, 2] and (scene.frame_start, scene.frame_end, scene.frame_current) == (1, 2, 1)
    add_reconstruction(scene, made)
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (1, 4, 3)
    assert first_free_frame(scene) == 5
    rig = bpy.data.objects.new("rig", None)
    rig["dust3r_shot"] = [5, 30]
    scene.collection.objects.link(rig)
    assert first_free_frame(scene) == 31
    scene.timeline_markers.clear()
    bpy.data.objects.remove(rig)
    assert first_free_frame(scene) == 1


# flaws and photos that are hidden


def test_flaws_are_kept_bit_by_bit_and_none_are_where_nobody_looked(added):
    _, collection = added
    cloud = find_points(collection)
    mesh, modifier = cloud.data, points_modifier(cloud)
    assert read_flaws(mesh) is None and can_hide(modifier) and flaw_switches(cloud, modifier) == []
    bits = np.arange(len(mesh.vertices)).astype(np.uint8) % 16
    set_flaws(mesh, bits)
    assert (read_flaws(mesh) == bits).all()
    set_flaws(mesh, bits[::-1])
    assert (read_flaws(mesh) == bits[::-1]).all()
    assert [title for title, *_ in flaw_switches(cloud, modifier)] == [flaw.title for flaw in FLAWS.values()]
    assert hidden_flaws(modifier) == SURELY_FLAWED
    set_points_input(modifier, HIDE["sky"], True)
    set_points_input(modifier, HIDE["floaters"], False)
    assert hidden_flaws(modifier) == ("sky", "edges", "outliers")
    assert [owner.path_resolve(path) for _, owner, path in flaw_switches(cloud, modifier)] == [False, True, True, True]
    mesh.attributes.remove(mesh.attributes[FLAWS["sky"].attribute])
    assert read_flaws(mesh) is None and flaw_switches(cloud, modifier) == []


def test_photos_switched_off_hide_their_points_and_masks_until_they_are_on_again(added):
    made, collection = added
    cloud = find_points(collection)
    switch_photos(collection, [1, 1])
    hidden = np.empty(len(cloud.data.vertices), bool)
    cloud.data.attributes["hidden"].data.foreach_get("value", hidden)
    assert (hidden == (made.point_cloud().view == 1)).all() and photos_off(collection) == [1]
    assert OFF in collection.objects["b.png"] and OFF not in collection.objects["a.png"]
    left = without_photos_off(read_reconstruction(collection), collection)
    assert [view.mask.any() for view in left.views] == [True, False]
    switch_photos(collection, [0])
    assert photos_off(collection) == [0] and OFF not in collection.objects["b.png"]
    switch_photos(collection, [])
    assert photos_off(collection) == [] and "hidden" not in cloud.data.attributes
    cloud.data.vertices[0].select = True
    bpy.context.view_layer.objects.active = cloud
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(InputError, match="is in Edit Mode"):
        switch_photos(collection, [0])
    assert photos_off(collection) == []
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.data.objects.remove(cloud)
    switch_photos(collection, [1])
    assert photos_off(collection) == [1]


# cameras that come later


def test_new_photos_are_numbered_after_all_that_are_there(tmp_path, empty_scene):
    whole = make_reconstruction(tmp_path, TWO)
    settings = {"localization": {"way": "pnp", "photos": {"b.png": {"inliers": 90}, "a.png": {"inliers": 5}}}}
    settings["min_confidence"] = 1.5
    placed = replace(whole, settings=settings)
    collection = bpy.data.collections.new("ours")
    empty_scene.collection.children.link(collection)
    first, second = add_localized(empty_scene, collection, placed)[0]
    assert (first[VIEW_INDEX], second[VIEW_INDEX]) == (0, 1)
    assert json.loads(first[LOCALIZATION]) == {"way": "pnp", "inliers": 5}
    first[VIEW_INDEX] = 8
    assert [camera[VIEW_INDEX] for camera in add_localized(empty_scene, collection, placed)[0]] == [9, 10]
    matched, warnings = add_matched(empty_scene, placed)
    assert [camera[VIEW_INDEX] for camera in matched] == [0, 1] and warnings == []
    assert matched[0].users_collection[0].name == MATCHED
    again, _ = add_matched(empty_scene, placed)
    assert again[0].users_collection[0] == matched[0].users_collection[0]


# an earlier world


def test_an_earlier_world_is_one_that_was_settled_and_shares_photos(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, TWO)
    collection = add_reconstruction(empty_scene, made)
    bpy.context.view_layer.update()
    paths = [view.path for view in made.views]
    assert earlier_world(empty_scene, paths) is None
    move_world(collection, np.diag([2.0, 2, 2, 1]), "scale")
    bpy.context.view_layer.update()
    found = earlier_world(empty_scene, paths[1:])
    assert [view.name for view in found.views] == ["b.png"]
    assert earlier_world(empty_scene, [tmp_path / "other.png"]) is None
    other = add_reconstruction(empty_scene, make_reconstruction(tmp_path, TWO))
    other[RECIPE] = "damaged"
    assert len(earlier_world(empty_scene, paths).views) == 2
    bpy.data.objects.remove(find_points(collection))
    assert earlier_world(empty_scene, paths) is None


def test_of_very_many_shared_photos_some_are_enough(empty_scene, monkeypatch):
    for count, kept in ((ENOUGH, ENOUGH), (ENOUGH + 1, 13), (2 * ENOUGH, ENOUGH)):
        paths = [SimpleNamespace(resolve=lambda k=k: k) for k in range(count)]
        views = tuple(SimpleNamespace(path=path) for path in paths)
        monkeypatch.setattr(module, "reconstructions", lambda scene: ["one"])
        monkeypatch.setattr(module, "find_points", lambda collection: True)
        monkeypatch.setattr(module, "_is_settled", lambda collection: True)
        monkeypatch.setattr(module, "replace", lambda found, views: views)
        monkeypatch.setattr(module, "seen_reconstruction", lambda collection, v=views: SimpleNamespace(views=v))
        assert len(module.earlier_world(empty_scene, paths)) == kept


# marks


def test_a_mark_is_where_the_pixel_is_on_the_symbols_frame_and_rays_lead_to_the_point(added):
    _made, collection = added
    cameras = [collection.objects[name] for name in ("a.png", "b.png")]
    place, found = marks.mark_point(collection, 0, (12.5, 8.5))
    assert [one.view for one in found if one.visible] == [0, 1]
    (group,) = [child for child in collection.children if marks.MARKS in child]
    size = marks.SIZE_OF_MARK * cameras[0].data.display_size
    point, rays = group.objects["Point"], group.objects["Rays"]
    assert point.location == place and point.empty_display_type == "SPHERE" and point.show_in_front
    assert point.empty_display_size == pytest.approx(size)
    assert rays.hide_render and rays.data.dimensions == "3D" and len(rays.data.splines) == 2
    bpy.context.view_layer.update()
    for camera, one, line in zip(cameras, found, rays.data.splines, strict=True):
        mark = group.objects[f"Mark {camera.name}"]
        assert mark.empty_display_type == "CIRCLE" and tuple(mark[marks.MARKS]) == pytest.approx(one.pixel)
        start, end = (np.array(point.co) for point in line.points)
        assert start == pytest.approx([*camera.matrix_world.translation, 1]) and end == pytest.approx([*place, 1])
        toward = (mark.location - camera.location).normalized()
        assert (place - camera.location).normalized().dot(toward) == pytest.approx(1, abs=1e-5)
        local = camera.matrix_world.inverted() @ mark.location
        assert -local.z == pytest.approx(camera.data.display_size * camera[INTRINSICS][0] / camera[SIZE][0], rel=1e-4)
        normal = mark.rotation_euler.to_matrix() @ Vector((0, 1, 0))  # a circle's
        assert abs(normal.dot(camera.matrix_world.to_3x3() @ Vector((0, 0, 1)))) == pytest.approx(1, abs=1e-5)
    assert marks.clear_marks(collection) == 4 and len(collection.children) == 0
    assert "Rays" not in bpy.data.curves and marks.clear_marks(collection) == 0
    for number in (-1, 2):
        with pytest.raises(InputError, match=f"no points of photo {number}"):
            marks.mark_point(collection, number, (1, 1))


def test_surfaces_may_differ_more_where_all_photos_do(monkeypatch):
    settings = CleanupSettings()
    for known, expected in (
        (None, settings.depth_tolerance),
        (SimpleNamespace(disagreement=1e-4), settings.depth_tolerance),
        (SimpleNamespace(disagreement=0.1), 0.1 * settings.noise_factor),
    ):
        monkeypatch.setattr(marks, "read_statistics", lambda collection, known=known: known)
        assert marks._tolerance(None) == pytest.approx(expected)


def test_statistics_that_cannot_be_read_are_none(added):
    _, collection = added
    assert read_statistics(collection) is not None
    for content in ("{}", "no JSON", 5):
        collection[STATISTICS] = content
        assert read_statistics(collection) is None


# worlds that are moved


def test_moved_worlds_say_by_what(added):
    _, collection = added
    gauge = read_reconstruction(collection).gauge
    assert (moved_since(collection, gauge) == np.eye(4)).all()
    move = np.diag([2.0, 2, 2, 1])
    move[:3, 3] = 1, 2, 3
    move_world(collection, move, "scale")
    assert moved_since(collection, gauge) == pytest.approx(move)
    assert moved_since(collection, read_reconstruction(collection).gauge) == pytest.approx(np.eye(4))
    del collection[RECIPE]
    with pytest.raises(InputError, match="not a whole reconstruction"):
        moved_since(collection, gauge)
    with pytest.raises(InputError, match="not a whole reconstruction"):
        move_world(collection, move, "scale")


def test_a_pick_is_half_as_large_as_the_cameras_and_goes_with_the_world_unscaled(added):
    _, collection = added
    camera = collection.objects["a.png"]
    pick = add_pick(collection, np.array([1.0, 2, 3]))
    assert pick.empty_display_size == pytest.approx(camera.data.display_size / 2) and pick.show_in_front
    assert pick.empty_display_type == "PLAIN_AXES" and tuple(pick.location) == (1, 2, 3)
    bare = bpy.data.collections.new("bare")
    assert add_pick(bare, np.zeros(3)).empty_display_size == pytest.approx(0.1)
    size, near, far = pick.empty_display_size, camera.data.clip_start, camera.data.clip_end
    bpy.context.view_layer.update()
    child = bpy.data.objects.new("child", None)
    child.parent, child.location = pick, (0, 0, 1)
    collection.objects.link(child)
    other = bpy.data.objects.new("other", None)
    other.location = (1, 0, 0)
    collection.objects.link(other)
    bpy.context.view_layer.update()
    move_world(collection, np.diag([2.0, 2, 2, 1]), "scale")
    bpy.context.view_layer.update()
    assert pick.empty_display_size == pytest.approx(2 * size) and tuple(pick.scale) == pytest.approx((1, 1, 1))
    assert tuple(pick.matrix_world.translation) == pytest.approx((2, 4, 6))
    assert tuple(child.location) == (0, 0, 1) and tuple(other.matrix_world.to_scale()) == pytest.approx((2, 2, 2))
    assert (camera.data.clip_start, camera.data.clip_end) == pytest.approx((2 * near, 2 * far))
    assert tuple(camera.matrix_world.to_scale()) == pytest.approx((1, 1, 1), abs=1e-5)


def test_core_and_blender_speak_of_the_same_places_and_poses(empty_scene):
    assert to_core(np.array([[1.0, 3, -2]])).tolist() == [[1, 2, 3]]
    camera = new_camera(empty_scene)
    pose = np.eye(4)
    pose[:3, 3] = 1, 2, 3
    camera.matrix_world = blender_camera(pose) @ Matrix.Scale(3, 4)
    bpy.context.view_layer.update()
    assert camera_pose(camera) == pytest.approx(pose, abs=1e-6)


def test_picked_points_are_the_selected_things_the_active_one_last(added, empty_scene):
    _, _collection = added
    assert len(picked_points(bpy.context)) == 0
    bpy.ops.object.select_all(action="SELECT")  # points and cameras of ours are no picks
    assert picked_points(bpy.context).shape == (0, 3)
    for name, x in (("b", 2), ("a", 1), ("c", 3)):
        thing = bpy.data.objects.new(name, None)
        thing.location = (x, 0, 0)
        empty_scene.collection.objects.link(thing)
        thing.select_set(True)
    bpy.context.view_layer.objects.active = bpy.data.objects["a"]
    bpy.context.view_layer.update()
    assert picked_points(bpy.context)[:, 0].tolist() == [2, 3, 1]


# looking


def test_the_way_between_two_photos_keeps_its_own_up(added):
    turn = Quaternion((0, 0, 1), 0.3) @ Quaternion((1, 0, 0), 1.2)
    direction = Vector((0.3, 1, -0.2))
    found = np.array(viewpoints._turned_to(turn, direction).to_matrix())
    assert -found[:, 2] == pytest.approx(np.array(direction.normalized()), abs=1e-6)
    up = np.array(turn.to_matrix())[:, 1]
    assert found[:, 0] @ up == pytest.approx(0, abs=1e-6) and found[:, 1] @ up > 0
    assert np.linalg.det(found) == pytest.approx(1)
    above = turn.to_matrix() @ Vector((0, 1, 0))
    assert viewpoints._turned_to(turn, above) == turn  # along its own up there is no other


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_camera_between_photos_stands_on_the_way_with_the_firsts_lens(added, share):
    made, collection = added
    first, second = (collection.objects[name] for name in ("a.png", "b.png"))
    first.data.clip_start, first.data.clip_end, first.data.display_size = 0.3, 70, 0.7
    camera = viewpoints.add_between_camera(collection, first, second, share)
    place = first.matrix_world.translation.lerp(second.matrix_world.translation, share)
    assert tuple(camera.matrix_world.translation) == pytest.approx(tuple(place), abs=1e-6)
    fx = first[INTRINSICS][0]
    assert list(camera[INTRINSICS]) == [fx, 0, 12, 0, fx, 8, 0, 0, 1] and list(camera[SIZE]) == [24, 16]
    assert (camera.data.shift_x, camera.data.shift_y) == (0, 0) and camera.name in collection.objects
    assert (camera.data.clip_start, camera.data.clip_end, camera.data.display_size) == pytest.approx((0.3, 70, 0.7))
    sure = made.point_cloud(1.5).position
    middle = np.median(np.stack([sure[:, 0], sure[:, 2], -sure[:, 1]], axis=1), axis=0)
    toward = camera.matrix_world.to_3x3() @ Vector((0, 0, -1))
    assert np.dot(toward, (middle - np.array(place)) / np.linalg.norm(middle - np.array(place))) > 1 - 1e-5
    bpy.data.objects.remove(find_points(collection))
    plain = viewpoints.add_between_camera(collection, first, second, share)
    turn = first.matrix_world.to_quaternion().slerp(second.matrix_world.to_quaternion(), share)
    assert abs(plain.matrix_world.to_quaternion().dot(turn)) == pytest.approx(1, abs=1e-5)
    for strange in (bpy.data.objects.new("mesh", bpy.data.meshes.new("mesh")), new_camera()):
        with pytest.raises(InputError, match="is not a camera of a reconstruction"):
            viewpoints.add_between_camera(collection, first, strange)


def test_the_view_before_a_photo_comes_back_once(added, empty_scene):
    scene, render = empty_scene, empty_scene.render
    scene.frame_set(7)
    scene.camera = None
    render.resolution_x, render.resolution_y, render.resolution_percentage = 77, 55, 50
    assert not remembered_view.is_remembered(scene)
    remembered_view.remember_view(scene)
    scene.frame_set(2)
    scene.camera, render.resolution_x, render.resolution_percentage = bpy.data.objects["a.png"], 11, 100
    remembered_view.remember_view(scene)  # still that of before the first photo
    assert remembered_view.is_remembered(scene)
    remembered_view.restore_view(scene)
    assert scene.camera is None and scene.frame_current == 7
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (77, 55, 50)
    assert not remembered_view.is_remembered(scene)
    with pytest.raises(InputError, match="The view before the photo is not known"):
        remembered_view.restore_view(scene)
    scene.camera = bpy.data.objects["b.png"]
    remembered_view.remember_view(scene)
    scene.camera = bpy.data.objects["a.png"]
    remembered_view.restore_view(scene)
    assert scene.camera.name == "b.png"
    scene[remembered_view.BEFORE] = "damaged"
    with pytest.raises(InputError, match="The view before the photo is not known"):
        remembered_view.restore_view(scene)
    assert not remembered_view.is_remembered(scene)


class Space(SimpleNamespace):
    """A 3D viewport."""

    def __init__(self, **changes):
        region = {"view_location": [1, 2, 3], "view_rotation": [1, 0, 0, 0], "view_distance": 5.0}
        super().__init__(use_local_camera=True, region_3d=SimpleNamespace(**region, view_perspective="PERSP"))
        vars(self).update(changes)


def windows(monkeypatch, module, *areas):
    """Windows of (scene, kind of area, space), one area each."""
    made = [
        SimpleNamespace(
            scene=scene,
            screen=SimpleNamespace(
                name="Layout", areas=[SimpleNamespace(type=kind, spaces=SimpleNamespace(active=space))]
            ),
        )
        for scene, kind, space in areas
    ]
    context = SimpleNamespace(window_manager=SimpleNamespace(windows=made), space_data=None)
    fake = SimpleNamespace(context=context, types=bpy.types, data=bpy.data)
    monkeypatch.setattr(module, "bpy", fake)


def test_viewports_of_the_scene_come_back_as_they_were_and_no_others(empty_scene, monkeypatch):
    own, other, flat = Space(), Space(), Space(region_3d=None)
    windows(
        monkeypatch, remembered_view,
        (empty_scene, "VIEW_3D", own), (None, "VIEW_3D", other), (empty_scene, "VIEW_3D", flat),
        (empty_scene, "IMAGE_EDITOR", other),
    )  # fmt: skip
    remembered_view.remember_view(empty_scene)
    for space in (own, other):
        space.use_local_camera = False
        space.region_3d = SimpleNamespace(
            view_location=[9, 9, 9], view_rotation=[0, 1, 0, 0], view_distance=1.0, view_perspective="CAMERA"
        )
    remembered_view.restore_view(empty_scene)
    assert vars(own) == vars(Space())
    assert other.region_3d.view_perspective == "CAMERA" and not other.use_local_camera


def test_looking_through_a_photo_turns_the_scenes_viewports_to_its_camera(added, empty_scene, monkeypatch):
    _, collection = added
    own, other, flat = Space(), Space(), Space(region_3d=None)
    windows(
        monkeypatch, viewpoints,
        (empty_scene, "VIEW_3D", own), (None, "VIEW_3D", other), (empty_scene, "VIEW_3D", flat),
        (empty_scene, "IMAGE_EDITOR", other),
    )  # fmt: skip
    viewpoints.look_through(empty_scene, collection.objects["b.png"])
    assert empty_scene.frame_current == 2 and empty_scene.camera.name == "b.png"
    assert not own.use_local_camera and own.region_3d.view_perspective == "CAMERA" and not flat.use_local_camera
    assert other.use_local_camera and other.region_3d.view_perspective == "PERSP"
    for space, kind in ((own, "SOLID"), (flat, "RENDERED")):
        space.shading = SimpleNamespace(type=kind)
    viewpoints.show_colors(empty_scene)
    assert (own.shading.type, flat.shading.type) == ("MATERIAL", "RENDERED")
    empty_scene.timeline_markers.clear()
    empty_scene.frame_set(40)
    viewpoints.look_through(empty_scene, collection.objects["a.png"])
    assert empty_scene.frame_current == 40 and empty_scene.camera.name == "a.png"


# the overlay of what is still coming together


class Graphics:
    """Stands for the graphics card, and for Blender with a window."""

    def __init__(self, monkeypatch, version=(4, 5, 0), background=False):
        self.calls, self.handlers = [], []
        state = SimpleNamespace(
            **{name: lambda value, name=name: self.calls.append((name, value)) for name in (
                "depth_test_set", "point_size_set", "line_width_set")}
        )  # fmt: skip
        shader = SimpleNamespace(from_builtin=self.shader)
        monkeypatch.setattr(preview_overlay, "gpu", SimpleNamespace(state=state, shader=shader))
        monkeypatch.setattr(preview_overlay, "batch_for_shader", self.batch)
        space = SimpleNamespace(
            draw_handler_add=lambda *handler: self.handlers.append(handler) or len(self.handlers),
            draw_handler_remove=lambda *handler: self.handlers.remove(next(iter(self.handlers))),
        )
        self.context = SimpleNamespace(scene=None)
        types = SimpleNamespace(SpaceView3D=space, Scene=bpy.types.Scene)
        app = SimpleNamespace(version=version, background=background)
        monkeypatch.setattr(preview_overlay, "bpy", SimpleNamespace(types=types, app=app, context=self.context))
        self.values = {}

    def shader(self, name):
        return SimpleNamespace(name=name, uniform_float=lambda key, value: self.calls.append((key, value)))

    def batch(self, shader, kind, values):
        self.values[kind] = values
        return SimpleNamespace(draw=lambda drawn: self.calls.append((kind, drawn.name)))


PREVIEW = Preview(
    np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    np.array([[255, 0, 51], [0, 102, 255]], np.uint8),
    np.arange(15, dtype=np.float32).reshape(1, 5, 3),
)


@pytest.mark.parametrize(("version", "points"), [((4, 5, 0), "POINT_FLAT_COLOR"), ((4, 2, 0), "FLAT_COLOR")])
def test_a_preview_is_drawn_in_its_own_scene_with_its_colours(empty_scene, monkeypatch, version, points):
    card = Graphics(monkeypatch, version)
    preview_overlay.show(PREVIEW, empty_scene)
    try:
        assert preview_overlay.is_shown() and len(card.handlers) == 1
        preview_overlay.show(PREVIEW, empty_scene)
        assert len(card.handlers) == 1
        (draw, arguments, *place) = card.handlers[0]
        assert arguments == () and place == ["WINDOW", "POST_VIEW"]
        draw()
        assert card.calls == []
        card.context.scene = bpy.data.scenes.new("Other")
        draw()
        assert card.calls == []
        card.context.scene = empty_scene
        draw()
        assert card.calls == [
            ("depth_test_set", "LESS_EQUAL"), ("point_size_set", 3.0), ("line_width_set", 1.0), ("POINTS", points),
            ("color", (1.0, 0.6, 0.1, 1.0)), ("LINES", "UNIFORM_COLOR"), ("depth_test_set", "NONE"),
            ("point_size_set", 1.0),
        ]  # fmt: skip
        assert card.values["POINTS"]["pos"].tolist() == [[1, 3, -2], [4, 6, -5]]
        expected = np.array([[1, 0, 0.2, 1], [0, 0.4, 1, 1]])
        assert card.values["POINTS"]["color"] == pytest.approx(expected)
        lines = card.values["LINES"]["pos"].reshape(-1, 2, 3)
        ends = [(int(start[0] / 3), int(end[0] / 3)) for start, end in lines]
        assert ends == list(preview_overlay.OUTLINE) and len(lines) == 8
        card.values.clear()
        draw()
        assert card.values == {}  # the graphics card has it
    finally:
        preview_overlay.hide()
    assert not preview_overlay.is_shown() and card.handlers == []
    draw()
    preview_overlay.hide()


def test_without_a_window_nothing_is_drawn(empty_scene, monkeypatch):
    card = Graphics(monkeypatch, background=True)
    preview_overlay.show(PREVIEW, empty_scene)
    assert not preview_overlay.is_shown() and card.handlers == []


# images and output


def test_images_of_the_file_that_may_be_photos_are_files_packed_or_not(tmp_path, empty_scene):
    make_reconstruction(tmp_path, TWO)
    linked = bpy.data.images.load(str(tmp_path / "a.png"))
    packed = bpy.data.images.load(str(tmp_path / "b.png"))
    packed.name = "b c.d.png"
    packed.pack()
    made = bpy.data.images.new("made", 2, 2)
    assert set(loaded_photos()) == {linked, packed}
    assert image_file(linked, tmp_path) == tmp_path / "a.png"
    out = tmp_path / "out"
    out.mkdir()
    file = image_file(packed, out)
    assert file.read_bytes() == (tmp_path / "b.png").read_bytes() and file.suffix == ".png"
    assert file.name.startswith("b_c_d-") and len(file.stem) == len("b_c_d-") + 10
    file.write_bytes(b"kept")
    assert image_file(packed, out) == file and file.read_bytes() == b"kept"  # written once
    with pytest.raises(InputError, match="was made here and is no photo"):
        image_file(made, out)
    (tmp_path / "a.png").unlink()
    with pytest.raises(InputError, match="is gone"):
        image_file(linked, out)


def test_blenders_chatter_does_not_reach_our_output(capfd, monkeypatch):
    sys.stdout.write("before\n")
    with blender_silenced():
        os.write(1, b"chatter\n")
    os.write(1, b"after\n")
    with pytest.raises(ZeroDivisionError), blender_silenced():
        raise ZeroDivisionError
    os.write(1, b"end\n")
    assert capfd.readouterr().out == "before\nafter\nend\n"
    monkeypatch.setattr("sys.stdout", None)
    with blender_silenced():
        os.write(1, b"no console\n")
    assert capfd.readouterr().out == "no console\n"
