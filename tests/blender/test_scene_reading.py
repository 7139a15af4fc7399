"""A reconstruction read back from its scene, hidden points, cameras that come later, and an earlier world."""

import json
from dataclasses import replace
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.flaws import FLAWS, HIDDEN_AT_FIRST
from dust3r.core.images.lens_distortion import open_straight
from dust3r.core.reconstruction.tracks import Tracks
from dust3r.core.world.transform import moved, scaled
from dust3r.operators.scene import add_reconstruction
from dust3r.operators.scene import earlier_world as module
from dust3r.operators.scene.camera_path import first_free_frame
from dust3r.operators.scene.cameras import (
    SIZE,
    VIEW_INDEX,
)
from dust3r.operators.scene.earlier_world import ENOUGH, earlier_world
from dust3r.operators.scene.flaws import can_hide, flaw_switches, hidden_flaws, read_flaws, set_flaws
from dust3r.operators.scene.localized import LOCALIZATION, MATCHED, add_localized, add_matched
from dust3r.operators.scene.photo_visibility import OFF, photos_off, switch_photos, without_photos_off
from dust3r.operators.scene.point_cloud import points_modifier
from dust3r.operators.scene.points_nodes import HIDE, set_points_input
from dust3r.operators.scene.reading import _pixels, find_points, photo_cameras, read_reconstruction, reconstructions
from dust3r.operators.scene.reconstruction import RECIPE, TRACKS, read_recipe
from dust3r.operators.scene.world import move_world

from .synthetic_reconstruction import SHOTS, Shot, as_placed, make_reconstruction, upright_photo

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


# reading


def test_points_lead_back_to_the_network_pixels_that_they_came_from(tmp_path):
    for view in make_reconstruction(tmp_path, SHOTS[3:7]).views:
        points = view.world_points()[view.mask]
        (rows, columns), depth = _pixels(points, view.K, view.cam2world, view.mapping)
        at = np.argwhere(view.mask)
        assert rows.tolist() == at[:, 0].tolist() and columns.tolist() == at[:, 1].tolist()
        assert depth == pytest.approx(view.depth[view.mask], rel=1e-5)


def test_tracks_come_back_and_move_with_the_world(tmp_path, empty_scene):
    points, pixel = np.array([[0.0, 0, 2], [1, 0, 3]]), np.arange(8, dtype=np.float32).reshape(4, 2)
    tracks = Tracks(points, np.array([0, 0, 1, 1], np.int32), pixel, np.array([0, 1, 0, 1], np.int32))
    made = moved(replace(make_reconstruction(tmp_path, TWO), tracks=tracks), scaled(2.0))
    collection = add_reconstruction(empty_scene, made)
    assert read_reconstruction(collection).tracks.points == pytest.approx(2 * points)
    bpy.context.view_layer.update()
    move_world(collection, scaled(3.0), "scale")
    found = read_reconstruction(collection).tracks
    assert found.points == pytest.approx(6 * points)
    assert np.array_equal(found.pixel, pixel) and np.array_equal(found.view, tracks.view)
    for damaged in (b"PK", tracks.to_bytes()[:-30]):
        collection[TRACKS] = damaged
        with pytest.raises(InputError, match="is not as DUSt3R wrote it"):
            read_reconstruction(collection)


def test_a_photo_of_a_lens_that_bends_lines_stands_straight_behind_its_camera(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, (Shot("a.png"),))
    bent = replace(made.views[0], mapping=replace(made.views[0].mapping, distortion=-3e-5))
    collection = add_reconstruction(empty_scene, replace(made, views=(bent,)))
    (camera,) = photo_cameras(collection)
    image = camera.data.background_images[0].image
    shown = np.array(image.pixels).reshape(64, 96, -1)[::-1, :, :3]
    straight = np.asarray(open_straight(bent.path, bent.mapping).image) / 255
    assert np.abs(shown - straight).max() < 0.01 and image.packed_file
    assert np.abs(straight - upright_photo((96, 64)) / 255).max() > 0.05
    assert read_reconstruction(collection).views[0].mapping == bent.mapping


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
    add_reconstruction(scene, made, photo_frames=True)
    frames = [marker.frame for marker in scene.timeline_markers if marker.camera]
    assert frames == [-20, 1, 2] and (scene.frame_start, scene.frame_end, scene.frame_current) == (1, 2, 1)
    add_reconstruction(scene, made, photo_frames=True)
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
    assert hidden_flaws(modifier) == HIDDEN_AT_FIRST
    set_points_input(modifier, HIDE["sky"], True)
    set_points_input(modifier, HIDE["floaters"], False)
    assert hidden_flaws(modifier) == ("sky", "edges", "outliers", "guesses", "repeated")
    switched = {title: owner.path_resolve(path) for title, owner, path in flaw_switches(cloud, modifier)}
    assert switched == {flaw.title: name in hidden_flaws(modifier) for name, flaw in FLAWS.items()}
    mesh.attributes.remove(mesh.attributes[FLAWS["sky"].attribute])
    assert (read_flaws(mesh) == bits[::-1] & ~np.uint8(FLAWS["sky"].bit)).all()  # as an earlier version's, without one
    assert len(flaw_switches(cloud, modifier)) == len(FLAWS) - 1


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
    found = as_placed(whole, 5)
    collection = bpy.data.collections.new("ours")
    empty_scene.collection.children.link(collection)
    first, second = add_localized(empty_scene, collection, found)[0]
    assert (first[VIEW_INDEX], second[VIEW_INDEX]) == (0, 1)
    assert json.loads(first[LOCALIZATION]).items() >= {"way": "matches", "inliers": 5}.items()
    first[VIEW_INDEX] = 8
    assert [camera[VIEW_INDEX] for camera in add_localized(empty_scene, collection, found)[0]] == [9, 10]
    matched, warnings = add_matched(empty_scene, found)
    assert [camera[VIEW_INDEX] for camera in matched] == [0, 1] and warnings == []
    assert matched[0].users_collection[0].name == MATCHED
    again, _ = add_matched(empty_scene, found)
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
        found = SimpleNamespace(views=views, of_views=lambda indices, v=views: [v[index] for index in indices])
        monkeypatch.setattr(module, "seen_reconstruction", lambda collection, found=found: found)
        assert len(module.earlier_world(empty_scene, paths)) == kept
