"""After a reconstruction: its photos looked through, switched off and on, one pixel in all of them, and its figures."""

import json
from dataclasses import replace

import bpy
import numpy as np
import pytest
from dust3r.core.cameras.evidence import CameraEvidence
from dust3r.core.quality.measure import measure
from dust3r.operators.scene import add_reconstruction, points_input, points_modifier, set_points_input
from dust3r.operators.scene.cameras import INTRINSICS, pixel_of_direction
from dust3r.operators.scene.photo_visibility import photos_off, switch_photos, without_photos_off
from dust3r.operators.scene.point_cloud import read_points, renew_nodes, shown_points
from dust3r.operators.scene.points_nodes import VERSION
from dust3r.operators.scene.reading import find_points, photo_cameras, read_reconstruction
from dust3r.operators.scene.remembered_view import BEFORE, is_remembered, remember_view, restore_view
from dust3r.operators.scene.statistics import STATISTICS, read_statistics
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction
from mathutils import Vector

THREE = (Shot("a.png", flat=True), Shot("b.png", flat=True, size=(60, 90)), Shot("c.png", flat=True, focal=(80, 65)))


@pytest.fixture
def collection(tmp_path, empty_scene):
    return add_reconstruction(empty_scene, make_reconstruction(tmp_path, THREE), min_confidence=1.0)


def shown(cloud):
    """Evaluated points: their photos' numbers and their colours."""
    found = [instance.object for instance in bpy.context.evaluated_depsgraph_get().object_instances]
    clouds = [thing.data for thing in found if thing.type == "POINTCLOUD" and thing.name == cloud.name]
    if not clouds:
        return np.zeros(0, np.int32), np.zeros((0, 4))
    data, count = clouds[0].attributes, len(clouds[0].attributes["position"].data)
    views, colors = np.empty(count, np.int32), np.empty(count * 4, np.float32)
    data["view"].data.foreach_get("value", views)
    data["shown_color"].data.foreach_get("color", colors)
    return views, colors.reshape(-1, 4)


def brightness(colors):
    return colors[:, :3].sum(axis=1)


# photos on and off


def test_photos_that_are_switched_off_are_not_shown_and_come_back(collection):
    cloud = find_points(collection)
    whole = shown(cloud)[0]
    switch_photos(collection, [1])
    np.testing.assert_array_equal(shown(cloud)[0], whole[whole != 1])
    np.testing.assert_array_equal(shown_points(cloud, read_points(cloud)), read_points(cloud).view != 1)
    assert photos_off(collection) == [1]
    switch_photos(collection, [])
    np.testing.assert_array_equal(shown(cloud)[0], whole)
    assert "hidden" not in cloud.data.attributes  # a byte of every point in every file


def test_what_is_switched_off_is_left_out_of_what_is_written(collection):
    switch_photos(collection, [0, 2])
    whole = read_reconstruction(collection)
    assert set(without_photos_off(whole, collection).point_cloud().view) == {1}
    assert set(whole.point_cloud().view) == {0, 1, 2}
    assert "repeated" in whole.hidden_flaws and "repeated" not in without_photos_off(whole, collection).hidden_flaws
    switch_photos(collection, [])
    assert without_photos_off(whole, collection).hidden_flaws == whole.hidden_flaws


def test_the_operator_switches_one_photo_only_one_or_all(extension, tmp_path):
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    for action, off in (("TOGGLE", [1]), ("TOGGLE", []), ("HIDE", [1]), ("SHOW", []), ("ONLY", [0, 2]), ("ALL", [])):
        assert bpy.ops.dust3r.show_photo(photo="b.png", action=action) == {"FINISHED"}
        assert photos_off(collection) == off, action
    with pytest.raises(RuntimeError, match="no camera of a reconstruction"):
        bpy.ops.dust3r.show_photo(photo="d.png")


# colours


def test_points_take_the_colour_of_their_depth_before_the_scenes_camera(collection):
    """Nearer is darker; the colour follows when another photo's camera is the scene's."""
    cloud, scene = find_points(collection), bpy.context.scene
    points = read_points(cloud)
    set_points_input(points_modifier(cloud), "Color", "Depth")
    set_points_input(points_modifier(cloud), "Minimum Confidence", 1.0)
    for camera in photo_cameras(collection)[::2]:
        scene.camera = camera
        bpy.context.view_layer.update()
        to_camera = np.array(camera.matrix_world.inverted())
        depth = -(points.position @ to_camera[2, :3] + to_camera[2, 3])
        found = brightness(shown(cloud)[1])
        order = np.argsort(depth)
        assert found.max() - found.min() > 0.5
        assert np.corrcoef(depth, found)[0, 1] > 0.9
        assert (np.diff(found[order]) > -0.02).all()


def test_the_depth_colour_needs_no_camera(collection):
    cloud, scene = find_points(collection), bpy.context.scene
    set_points_input(points_modifier(cloud), "Color", "Depth")
    scene.camera = None
    bpy.context.view_layer.update()
    assert np.isfinite(shown(cloud)[1]).all()


# files of earlier versions


def as_before(cloud):
    """What version 3 of the group was to a reader: another stamp, and without the choice Depth."""
    modifier = points_modifier(cloud)
    group = modifier.node_group.copy()
    group["dust3r_version"] = VERSION - 1
    modifier.node_group = group


def test_points_of_an_earlier_file_get_todays_group_when_it_is_opened_and_keep_their_inputs(extension, tmp_path):
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    cloud = find_points(collection)
    as_before(cloud)
    set_points_input(points_modifier(cloud), "Minimum Confidence", 2.5)
    set_points_input(points_modifier(cloud), "Color", "View")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "before.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "before.blend"))
    modifier = points_modifier(find_points(bpy.data.collections["DUSt3R"]))
    assert modifier.node_group["dust3r_version"] == VERSION
    assert points_input(modifier, "Minimum Confidence") == 2.5
    assert points_input(modifier, "Color") == "View"


def test_a_group_of_a_later_version_or_of_nobody_stays(collection):
    cloud = find_points(collection)
    group = points_modifier(cloud).node_group
    for stamp in (VERSION, VERSION + 1, "today"):
        group["dust3r_version"] = stamp
        assert not renew_nodes(cloud)
        assert points_modifier(cloud).node_group == group


# the look through photos


def test_next_and_previous_go_round_through_the_photos_in_their_order(extension, tmp_path):
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    scene, cameras = bpy.context.scene, photo_cameras(collection)
    assert bpy.ops.dust3r.look_through_photo() == {"FINISHED"}
    seen = [scene.camera]
    for direction in ("NEXT", "NEXT", "NEXT", "PREVIOUS"):
        assert bpy.ops.dust3r.next_photo(direction=direction) == {"FINISHED"}
        seen.append(scene.camera)
        assert [scene.render.resolution_x, scene.render.resolution_y] == list(scene.camera["dust3r_size"])
        assert bpy.context.object == scene.camera
    assert seen == [cameras[k] for k in (0, 1, 2, 0, 2)]


def test_leaving_the_photos_brings_back_camera_frame_and_size_from_before_the_first_look(extension, tmp_path):
    add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    scene = bpy.context.scene
    own = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    scene.collection.objects.link(own)
    scene.frame_set(77)
    scene.camera, scene.render.resolution_x, scene.render.pixel_aspect_y = own, 1234, 1.5
    assert not bpy.ops.dust3r.leave_photo.poll()
    for name in ("b.png", "c.png"):
        bpy.ops.dust3r.look_through_photo(photo=name)
    assert scene.camera.name == "c.png"
    assert bpy.ops.dust3r.leave_photo() == {"FINISHED"}
    found = scene.camera, scene.frame_current, scene.render.resolution_x, scene.render.pixel_aspect_y
    assert found == (own, 77, 1234, 1.5)
    assert not bpy.ops.dust3r.leave_photo.poll()


def test_the_view_before_is_remembered_once_and_a_damaged_one_is_forgotten_with_a_sentence(empty_scene):
    remember_view(empty_scene)
    first = empty_scene[BEFORE]
    empty_scene.render.resolution_x = 17
    remember_view(empty_scene)
    assert empty_scene[BEFORE] == first
    empty_scene[BEFORE] = json.dumps({"frame": "never"})
    with pytest.raises(Exception, match="turn the view by hand"):
        restore_view(empty_scene)
    assert not is_remembered(empty_scene)


def test_without_a_reconstruction_every_button_says_why_it_is_off(extension):
    names = ("look_through_photo", "next_photo", "leave_photo", "show_photo", "camera_ray", "clear_marks")
    for name in (*names, "update_statistics"):
        assert not getattr(bpy.ops.dust3r, name).poll(), name


# one pixel in all photos


def pixel_in(camera, place):
    """By K and the camera's own place, in photo pixels."""
    x, y, z = camera.matrix_world.inverted() @ Vector(place)
    fx, fy, cx, cy = (camera[INTRINSICS][k] for k in (0, 4, 2, 5))
    return cx - fx * x / z, cy + fy * y / z


def test_a_pixels_point_gets_the_cursor_and_a_mark_in_every_photo_that_shows_it(extension, tmp_path):
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE), min_confidence=1.0)
    scene, cameras = bpy.context.scene, photo_cameras(collection)
    assert bpy.ops.dust3r.camera_ray(photo="a.png", pixel=(48.5, 32.5)) == {"FINISHED"}
    assert pixel_in(cameras[0], scene.cursor.location) == pytest.approx((48.5, 32.5), abs=1e-3)
    assert (cameras[0].matrix_world.inverted() @ scene.cursor.location).z == pytest.approx(-2, abs=1e-5)
    marks = next(child for child in collection.children).objects
    assert {mark.name for mark in marks} == {"Point", "Rays", "Mark a.png", "Mark b.png", "Mark c.png"}
    bpy.context.view_layer.update()
    for camera in cameras:
        mark = marks[f"Mark {camera.name}"]
        expected = pixel_in(camera, scene.cursor.location)
        assert tuple(mark["dust3r_marks"]) == pytest.approx(expected, abs=1e-3)
        assert pixel_in(camera, mark.matrix_world.translation) == pytest.approx(expected, abs=1e-2)
        facing = mark.matrix_world.to_3x3() @ Vector((0, 1, 0))  # an empty's circle lies across its y
        ahead = camera.matrix_world.to_3x3() @ Vector((0, 0, 1))
        assert abs(facing.normalized().dot(ahead.normalized())) == pytest.approx(1, abs=1e-5)


def test_marks_are_replaced_by_the_next_pixels_and_removed_without_a_trace(extension, tmp_path):
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    before = {kind: len(getattr(bpy.data, kind)) for kind in ("objects", "collections", "curves")}
    for pixel in ((50, 30), (60, 40)):
        bpy.ops.dust3r.camera_ray(photo="a.png", pixel=pixel)
    assert len(collection.children) == 1
    assert bpy.ops.dust3r.clear_marks() == {"FINISHED"}
    assert {kind: len(getattr(bpy.data, kind)) for kind in before} == before
    assert not bpy.ops.dust3r.clear_marks.poll()


def test_a_reconstruction_that_was_moved_takes_cursor_and_marks_along(extension, tmp_path):
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    for thing in collection.objects:
        thing.matrix_world.translation += Vector((5, 6, 7))
    bpy.context.view_layer.update()
    bpy.ops.dust3r.camera_ray(photo="a.png", pixel=(48.5, 32.5))
    camera = photo_cameras(collection)[0]
    assert pixel_in(camera, bpy.context.scene.cursor.location) == pytest.approx((48.5, 32.5), abs=1e-3)


def test_a_photo_in_which_something_is_in_front_gets_no_mark(extension, tmp_path):
    whole = make_reconstruction(tmp_path, THREE)
    near = replace(whole.views[1], depth=np.full_like(whole.views[1].depth, 0.4))
    collection = add_reconstruction(bpy.context.scene, replace(whole, views=(whole.views[0], near, whole.views[2])))
    del collection[STATISTICS]  # whose usual disagreement is this photo's
    bpy.ops.dust3r.camera_ray(photo="a.png", pixel=(48.5, 32.5))
    marks = next(child for child in collection.children).objects
    assert "Mark b.png" not in marks and "Mark c.png" in marks


def test_a_pixel_without_a_point_is_refused_and_the_scene_stays(extension, tmp_path):
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    for pixel, named in (((48, 1), "shows no point"), ((9999, 5), "shows no point")):
        with pytest.raises(RuntimeError, match=named):
            bpy.ops.dust3r.camera_ray(photo="a.png", pixel=pixel)
    assert not collection.children and tuple(bpy.context.scene.cursor.location) == (0, 0, 0)


def test_a_direction_leads_to_the_pixel_that_it_came_from(collection):
    for camera in photo_cameras(collection):
        place = camera.matrix_world @ Vector((0.3, -0.2, -1.7))
        direction = place - camera.matrix_world.translation
        assert pixel_of_direction(camera, direction) == pytest.approx(pixel_in(camera, place), abs=1e-3)


# statistics


def test_statistics_come_with_the_reconstruction_and_with_the_file(tmp_path, empty_scene):
    whole = make_reconstruction(tmp_path, THREE)
    collection = add_reconstruction(empty_scene, whole)
    assert read_statistics(collection) == measure(whole)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert read_statistics(bpy.data.collections["DUSt3R"]) == measure(whole)


def test_updated_statistics_are_of_the_points_shown_now(extension, tmp_path):
    collection = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE), min_confidence=1.0)
    before = extension.statistics
    set_points_input(points_modifier(find_points(collection)), "Minimum Confidence", 4.0)
    assert extension.statistics == before
    assert bpy.ops.dust3r.update_statistics() == {"FINISHED"}
    assert extension.statistics.points < before.points / 2
    assert extension.statistics.confidence > 4


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"photos": [{}]}', '{"photos": 1e999}', 7, "[" * 9000])
def test_figures_that_cannot_be_read_are_none(collection, text):
    collection[STATISTICS] = text
    assert read_statistics(collection) is None


def test_the_panel_has_what_it_draws(extension, tmp_path):
    add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    assert extension.statistics.placed == 3
    assert [title for title, *_ in extension.point_inputs] == ["Color", "Minimum Confidence", "Radius"]
    for _, owner, path in extension.point_inputs:
        owner.path_resolve(path)
    assert extension.result.name == "DUSt3R"


def test_the_panel_says_that_a_network_saw_synthetic_scenes_alone_and_which_focals_are_guesses(extension, tmp_path):
    result = make_reconstruction(tmp_path, THREE, synthetic=True)
    sure = CameraEvidence("photos", 412, 0.4, 0.02, 0.001)
    views = (replace(result.views[0], focal_source="exif", evidence=sure), *result.views[1:])
    collection = add_reconstruction(bpy.context.scene, replace(result, views=views))
    assert extension.caveats == (
        "rough: this network was trained on synthetic scenes",
        "The focal length of 2 of 3 photos is a guess",
    )
    assert extension.verdict.text().startswith("Cameras: bad, the photos agree on 1 of 3; add photos")
    texts, cameras = [], []
    for number, thing in enumerate(collection.objects):
        extension.active_result = number
        texts.append((thing.get("dust3r_photo"), extension.active_result_text))
        cameras.append(extension.active_result_camera)
    assert {("a.png", "Focal 80 px, from EXIF"), ("b.png", "Focal 80 px, a guess")} <= set(texts)
    assert {"Camera from 412 points, 0.4 px, ±0.02°", "Camera from the network"} <= set(cameras)
    read = read_reconstruction(collection)
    assert [view.evidence for view in read.views] == [sure, CameraEvidence(), CameraEvidence()]
    assert read.synthetic and [view.focal_source for view in read.views] == ["exif", "network", "network"]


def test_the_panel_says_nothing_of_the_kind_of_other_networks(extension, tmp_path):
    add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    assert extension.caveats == ()
    extension.active_result = 99
    assert extension.active_result_text == ""
