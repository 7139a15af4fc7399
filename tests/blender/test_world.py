"""Worlds in the scene: points, cameras and recipe move as one, in Blender's own space, and later solutions follow."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from dust3r.core.reconstruction.world_frame import scale_of
from dust3r.core.world.transform import WORLD_TO_Z_UP, moved
from dust3r.operators.scene import add_reconstruction, points_input, points_modifier, read_recipe
from dust3r.operators.scene.reading import find_points, read_reconstruction
from dust3r.operators.scene.world import _selected_vertices, seen_reconstruction
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction
from mathutils import Matrix, Vector

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
NAMES = ("studio_01.jpg", "studio_02.jpg", "studio_03.jpg")


@pytest.fixture
def collection(tmp_path, extension):
    """Of every kind of photo."""
    made = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path))
    bpy.context.view_layer.update()
    return made


def mark(*place):
    empty = bpy.data.objects.new("picked", None)
    empty["dust3r_pick"] = True
    bpy.context.scene.collection.objects.link(empty)
    empty.location = place
    return empty


def select(*things):
    bpy.ops.object.select_all(action="DESELECT")
    for thing in things:
        thing.select_set(True)
    bpy.context.view_layer.objects.active = things[-1] if things else None


def places(collection):
    """(N, 3), Blender's world: where the points are."""
    cloud = find_points(collection)
    found = np.empty((len(cloud.data.vertices), 3), np.float32)
    cloud.data.vertices.foreach_get("co", found.reshape(-1))
    to_world = np.array(cloud.matrix_world)
    return found @ to_world[:3, :3].T + to_world[:3, 3]


def check_one_world(collection):
    """Objects, recipe and what is read back tell of one world."""
    bpy.context.view_layer.update()
    result, recipe = read_reconstruction(collection), read_recipe(collection)
    for view in result.views:
        camera = np.array(collection.objects[view.name].matrix_world)
        expected = WORLD_TO_Z_UP @ view.cam2world @ np.diag([1, -1, -1, 1])
        np.testing.assert_allclose(camera, expected, atol=2e-5)
        np.testing.assert_array_equal(recipe["photos"][view.name]["cam2world"], view.cam2world)
    np.testing.assert_allclose(find_points(collection).matrix_world, np.eye(4))


def test_two_picked_points_tell_the_scale_and_all_goes_along(collection, tmp_path):
    before, radius = places(collection), points_input(points_modifier(find_points(collection)), "Radius")
    clip = collection.objects[SHOTS[0].name].data.clip_end
    select(mark(0, 0, 0), mark(0, 2, 0))
    assert bpy.ops.dust3r.set_scale(way="distance", length=5) == {"FINISHED"}
    np.testing.assert_allclose(places(collection), 2.5 * before, rtol=1e-5, atol=1e-5)
    assert points_input(points_modifier(find_points(collection)), "Radius") == pytest.approx(2.5 * radius)
    assert collection.objects[SHOTS[0].name].data.clip_end == pytest.approx(2.5 * clip)
    check_one_world(collection)
    true, found = make_reconstruction(tmp_path), read_reconstruction(collection)
    assert found.world_frame.choices == ("scale",) and scale_of(found.world_frame.similarity) == pytest.approx(2.5)
    for before_view, view in zip(true.views, found.views, strict=True):
        np.testing.assert_allclose(view.depth[view.mask], 2.5 * before_view.depth[view.mask], rtol=1e-4)


def test_two_objects_that_nobody_picked_are_no_measurement(collection):
    things = [mark(0, 0, 0), mark(0, 2, 0)]
    for thing in things:
        del thing["dust3r_pick"]
    select(*things)
    before = places(collection)
    with pytest.raises(RuntimeError, match="2 wanted, 0 points picked; use Pick Point at Cursor"):
        bpy.ops.dust3r.set_scale(length=5)
    np.testing.assert_array_equal(places(collection), before)


def test_one_point_and_the_cursor_do_too_and_the_camera_height_and_a_factor(collection):
    before = places(collection)
    bpy.context.scene.cursor.location = (0, 4, 0)
    select(mark(0, 0, 0))
    assert bpy.ops.dust3r.set_scale(length=2) == {"FINISHED"}
    np.testing.assert_allclose(places(collection), before / 2, rtol=1e-5, atol=1e-5)
    bpy.ops.dust3r.set_scale(way="factor", factor=2)
    np.testing.assert_allclose(places(collection), before, rtol=1e-5, atol=1e-5)
    bpy.context.scene.cursor.location = (0, 0, -1)
    select()
    assert bpy.ops.dust3r.set_ground(way="points") == {"FINISHED"}
    camera = collection.objects[SHOTS[0].name]
    bpy.context.view_layer.update()
    assert camera.matrix_world.translation.z == pytest.approx(1, abs=1e-5)
    select(camera)
    bpy.ops.dust3r.set_scale(way="height", length=1.6)
    bpy.context.view_layer.update()
    assert camera.matrix_world.translation.z == pytest.approx(1.6, abs=1e-5)
    check_one_world(collection)


def test_three_points_make_the_ground_and_everything_lies_on_it(collection):
    tilted = Matrix.Rotation(0.4, 4, "X") @ Matrix.Translation((0, 0, -2))
    marks = [mark(*(tilted @ Matrix.Translation(place)).translation) for place in ((0, 0, 0), (1, 0, 0), (0, 1, 0))]
    select(*marks)
    before = places(collection)
    assert bpy.ops.dust3r.set_ground(way="points") == {"FINISHED"}
    heights = before @ np.array(tilted)[:3, :3][:, 2] + 2
    np.testing.assert_allclose(places(collection)[:, 2], heights, atol=1e-5)
    check_one_world(collection)


def test_origin_and_north_turn_about_the_vertical(collection):
    before = places(collection)
    select(mark(1, 2, 3))
    bpy.ops.dust3r.set_origin()
    np.testing.assert_allclose(places(collection), before - [1, 2, 0], atol=1e-5)
    select(mark(0, 0, 0), mark(1, 0, 5))  # to the active one
    now = places(collection)
    bpy.ops.dust3r.set_north()
    np.testing.assert_allclose(places(collection), now @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]), atol=1e-5)
    check_one_world(collection)
    assert read_recipe(collection)["world"]["choices"] == ["origin", "north"]


@pytest.mark.parametrize("angle", [np.pi / 2, 0.3, -2.0, np.pi])
def test_north_by_an_angle_turns_anticlockwise_seen_from_above(collection, angle):
    select()
    before = places(collection)
    assert bpy.ops.dust3r.set_north(way="angle", angle=angle) == {"FINISHED"}
    x, y, z = before.T
    turned = (np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y, z)
    np.testing.assert_allclose(places(collection), np.stack(turned, axis=1), atol=1e-4)
    check_one_world(collection)


def test_the_camera_that_tells_the_north_looks_along_y(collection):
    camera = collection.objects[SHOTS[1].name]
    select(camera)
    assert bpy.ops.dust3r.set_north(way="camera") == {"FINISHED"}
    bpy.context.view_layer.update()
    looks = camera.matrix_world.to_3x3() @ Vector((0, 0, -1))
    assert looks.x == pytest.approx(0, abs=1e-5) and looks.y > 0


def test_selected_vertices_are_picks_and_what_moved_is_in_object_mode(collection):
    cloud = find_points(collection)
    select(cloud)
    ends = places(collection)[[0, 1000]]
    for vertex in cloud.data.vertices:
        vertex.select = vertex.index in (0, 1000)
    bpy.ops.object.mode_set(mode="EDIT")
    assert bpy.ops.dust3r.set_scale(length=10) == {"FINISHED"}
    assert cloud.mode == "OBJECT"  # an undo step of Edit Mode would leave the cameras where they are
    found = places(collection)[[0, 1000]]
    assert np.linalg.norm(found[1] - found[0]) == pytest.approx(10, rel=1e-4)
    assert np.linalg.norm(ends[1] - ends[0]) != pytest.approx(10, rel=1e-2)
    check_one_world(collection)


def test_selected_vertices_are_where_their_object_stands(collection):
    cloud = find_points(collection)
    cloud.matrix_world = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.5, 4, "Z")
    bpy.context.view_layer.update()
    for vertex in cloud.data.vertices:
        vertex.select = vertex.index in (0, 1000)
    expected = [cloud.matrix_world @ cloud.data.vertices[index].co for index in (0, 1000)]
    np.testing.assert_allclose(_selected_vertices(cloud), expected, atol=1e-5)


def test_what_was_moved_by_hand_is_taken_along(collection):
    by_hand = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.5, 4, "Z") @ Matrix.Scale(2, 4)
    for thing in collection.objects:
        thing.matrix_world = by_hand @ thing.matrix_world
    bpy.context.view_layer.update()
    before = places(collection)
    bpy.ops.dust3r.set_scale(way="factor", factor=3)
    np.testing.assert_allclose(places(collection), 3 * before, rtol=1e-5, atol=1e-4)
    check_one_world(collection)


def test_picked_points_and_other_things_of_the_collection_go_along(collection):
    bpy.context.scene.cursor.location = (1, 0, 1)
    bpy.ops.dust3r.pick_point()
    bpy.context.scene.cursor.location = (1, 0, 3)
    bpy.ops.dust3r.pick_point()
    marks = [thing for thing in bpy.context.selected_objects if thing.type == "EMPTY"]
    assert len(marks) == 2
    assert bpy.ops.dust3r.set_scale(length=1) == {"FINISHED"}
    bpy.context.view_layer.update()
    assert sorted(thing.matrix_world.translation.z for thing in marks) == pytest.approx([0.5, 1.5])


@pytest.mark.parametrize(
    ("operator", "options", "picks", "sentence"),
    [
        ("set_scale", {}, 0, "2 wanted, 0 points picked"),
        ("set_scale", {}, 3, "2 wanted, 3 points picked"),
        ("set_scale", {"way": "height"}, 0, "select one"),
        ("set_ground", {"way": "points"}, 2, "Two points span no ground"),
        ("set_origin", {}, 2, "1 wanted"),
        ("fit_world", {}, 0, "No photo in the list has a known pose"),
    ],
)
def test_what_cannot_be_used_is_a_sentence_and_changes_nothing(collection, operator, options, picks, sentence):
    select(*(mark(k, 0, 1) for k in range(picks)))
    before, recipe = places(collection), read_recipe(collection)
    with pytest.raises(RuntimeError, match=sentence):
        getattr(bpy.ops.dust3r, operator)(**options)
    np.testing.assert_array_equal(places(collection), before)
    assert read_recipe(collection) == recipe


def test_stretched_points_are_refused_and_without_a_reconstruction_the_buttons_are_off(collection):
    find_points(collection).scale = (1, 2, 1)
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="stretched or mirrored"):
        bpy.ops.dust3r.set_ground()
    bpy.ops.wm.read_homefile(use_empty=True)
    for name in ("set_ground", "set_scale", "set_origin", "set_north", "fit_world", "pick_point"):
        assert not getattr(bpy.ops.dust3r, name).poll()


def test_known_cameras_of_the_list_carry_the_world(collection, extension, tmp_path):
    """A similarity of the whole, given by three cameras alone."""
    turn, result = np.eye(4), read_reconstruction(collection)
    turn[:3, :3] = 2 * np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]])
    turn[:3, 3] = 1, 2, 3
    expected = moved(result, turn)
    bpy.ops.dust3r.add_photos(directory=str(tmp_path), files=[{"name": view.name} for view in result.views[:3]])
    said = {view.path.resolve(): view for view in expected.views}
    for photo in extension.photos:
        photo.known = '{"cam2world": ' + str(said[photo.absolute.resolve()].cam2world.tolist()) + "}"
    assert bpy.ops.dust3r.fit_world() == {"FINISHED"}
    for view, wanted in zip(read_reconstruction(collection).views, expected.views, strict=True):
        np.testing.assert_allclose(view.cam2world, wanted.cam2world, atol=1e-9)
    check_one_world(collection)


def _reconstruct():
    before = set(bpy.context.scene.collection.children)
    assert bpy.ops.dust3r.reconstruct() == {"FINISHED"}
    (new,) = set(bpy.context.scene.collection.children) - before
    return new


def test_a_settled_world_is_taken_over_by_the_next_solution_and_by_added_photos(extension):
    bpy.ops.dust3r.add_photos(directory=str(STUDIO), files=[{"name": name} for name in NAMES[:2]])
    extension.model, extension.iterations, extension.cameras = "small", 3, "network"
    first = _reconstruct()
    select(mark(0, 0, 0), mark(0, 0, 1))
    bpy.ops.dust3r.set_scale(length=7)
    bpy.context.scene.cursor.location = (3, 4, 0)
    select()
    bpy.ops.dust3r.set_origin()
    settled = {view.name: view for view in seen_reconstruction(first).views}
    bpy.ops.dust3r.add_photos(directory=str(STUDIO), files=[{"name": NAMES[2]}])
    again = read_reconstruction(_reconstruct())
    assert again.world_frame.choices == ("scale", "origin")
    for view in again.views[:2]:
        before = settled[view.name]
        depth = np.nanmedian(before.depth)
        assert np.nanmedian(view.depth) == pytest.approx(depth, rel=0.2)
        assert np.linalg.norm(view.cam2world[:3, 3] - before.cam2world[:3, 3]) < 0.2 * depth
        assert np.abs(view.cam2world[:3, :3] - before.cam2world[:3, :3]).max() < 0.2
