"""How a result comes into a scene, beside what is there and selected; and what of it is shown, one of several."""

import bpy
import numpy as np
import pytest
from dust3r.core.meshing.mesh import Mesh
from dust3r.core.reconstruction.preview import Preview
from dust3r.core.world.transform import moved
from dust3r.operators.scene import add_reconstruction, points_input, points_modifier
from dust3r.operators.scene.arrival import extent, fit_into, present, preview_fitted
from dust3r.operators.scene.meshes import add_meshes
from dust3r.operators.scene.point_cloud import read_points, shown_points
from dust3r.operators.scene.reading import find_points, photo_cameras
from dust3r.operators.scene.results import has_light, replace_result, show_kind
from dust3r.operators.scene.solid_colors import colored_points
from dust3r.operators.scene.viewpoints import fit_camera_view
from dust3r.operators.scene.warnings import keep_warnings, read_warnings
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction

THREE = tuple(map(Shot, ("a.png", "b.png", "c.png")))


def cube(place, size):
    bpy.ops.mesh.primitive_cube_add(size=size, location=place)
    bpy.context.view_layer.update()
    return bpy.context.object


def triangle():
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1]], np.float32)
    colors = np.full((3, 3), 128, np.uint8)
    return Mesh("Fused", corners, np.array([[0, 1, 2]], np.int32), colors)


@pytest.fixture
def collection(tmp_path, extension):
    made = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE), "Room")
    bpy.context.view_layer.update()
    return made


# size and place


def test_a_result_of_a_usual_size_in_an_empty_scene_stays_as_it_is(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, THREE)
    fitted, box = fit_into(empty_scene, made)
    assert fitted is made
    np.testing.assert_array_equal(box, extent(made))


@pytest.mark.parametrize("factor", [1e-3, 60.0])
def test_a_tiny_or_huge_result_becomes_five_units_large_unless_its_scale_was_set(tmp_path, empty_scene, factor):
    grown = np.diag([factor] * 3 + [1.0])
    free, settled = (moved(make_reconstruction(tmp_path, THREE), grown, choices) for choices in ((), ("scale",)))
    fitted, box = fit_into(empty_scene, free)
    assert np.ptp(box, axis=0).max() == pytest.approx(5)
    np.testing.assert_allclose(extent(fitted), box, rtol=1e-4, atol=1e-4)
    assert fit_into(empty_scene, settled)[0] is settled


@pytest.mark.parametrize("factor", [1.0, 60.0])
def test_what_is_seen_before_stands_where_the_result_will(tmp_path, empty_scene, factor):
    made = moved(make_reconstruction(tmp_path, THREE), np.diag([factor] * 3 + [1.0]))
    cube(extent(made).mean(axis=0), 0.2 * float(np.ptp(extent(made), axis=0).max()))  # which it would swallow
    centres = np.stack([view.cam2world[:3, 3] for view in made.views])
    points = np.concatenate([view.world_points()[view.kept(made.min_confidence)] for view in made.views])
    seen = Preview(points.astype(np.float32), np.zeros((len(points), 3), np.uint8), centres[:, None].repeat(5, axis=1))
    fitted, drawn = fit_into(empty_scene, made)[0], preview_fitted(empty_scene, seen)
    assert fitted is not made
    there = np.stack([view.cam2world[:3, 3] for view in fitted.views])
    np.testing.assert_allclose(drawn.cameras[:, 0], there, rtol=1e-3, atol=1e-3)


def test_far_points_do_not_count_for_the_size(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, THREE)
    side = np.ptp(extent(made), axis=0).max()
    made.views[0].depth.ravel()[:20] *= 500
    assert np.ptp(extent(made), axis=0).max() < 1.5 * side


def test_a_result_stands_beside_what_it_would_swallow_and_over_a_floor(tmp_path, empty_scene):
    made = make_reconstruction(tmp_path, THREE)
    middle, side = extent(made).mean(axis=0), float(np.ptp(extent(made), axis=0).max())
    floor = cube((middle[0], middle[1], middle[2] - 0.01), 50)
    assert fit_into(empty_scene, made)[0] is made
    bpy.data.objects.remove(floor)
    small = cube(middle, 0.2 * side)
    fitted, box = fit_into(empty_scene, made)
    assert box[0, 0] > small.location.x + 0.1 * side and box[0, 0] < small.location.x + side
    np.testing.assert_allclose(box[:, 1:], extent(made)[:, 1:], atol=1e-9)
    np.testing.assert_allclose(extent(fitted), box, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_result_stands_beside_what_reaches_into_it(tmp_path, empty_scene, axis):
    made = make_reconstruction(tmp_path, THREE)
    low, high = extent(made)
    side = float((high - low).max())
    place = (low + high) / 2
    place[axis] = high[axis]  # half inside, half beyond
    other = cube(place, 0.2 * side)
    _, box = fit_into(empty_scene, made)
    assert box[0, 0] > other.location.x + 0.1 * side
    bpy.data.objects.remove(other)
    place[axis] = high[axis] + 0.2 * side
    cube(place, 0.2 * side)
    assert fit_into(empty_scene, made)[0] is made


def test_a_new_result_is_the_selection_and_nothing_else_is(tmp_path, empty_scene):
    other = cube((50, 0, 0), 1)
    made, box = fit_into(empty_scene, make_reconstruction(tmp_path, THREE))
    collection = add_reconstruction(empty_scene, made)
    present(bpy.context, collection, box)
    assert bpy.context.selected_objects == [find_points(collection)] and not other.select_get()
    assert bpy.context.view_layer.objects.active == find_points(collection)


def test_viewports_turn_to_the_middle_of_the_points_but_not_those_that_look_through_a_camera(tmp_path, empty_scene):
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    views = [area.spaces.active.region_3d for area in areas if area.type == "VIEW_3D"]
    made, box = fit_into(empty_scene, make_reconstruction(tmp_path, THREE))
    collection = add_reconstruction(empty_scene, made)
    present(bpy.context, collection, box)
    assert views
    for view in views:
        np.testing.assert_allclose(view.view_location, box.mean(axis=0), atol=1e-5)
        assert view.view_distance > np.linalg.norm(box[1] - box[0]) / 2
        view.view_perspective, view.view_distance = "CAMERA", 77
    present(bpy.context, collection, box)
    assert all(view.view_distance == pytest.approx(77) for view in views)


def test_only_viewports_that_look_through_the_camera_make_room_for_its_frame(tmp_path, empty_scene):
    collection = add_reconstruction(empty_scene, make_reconstruction(tmp_path, THREE))
    empty_scene.camera = photo_cameras(collection)[0]
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    views = [area.spaces.active.region_3d for area in areas if area.type == "VIEW_3D"]
    for perspective, fits in (("PERSP", False), ("CAMERA", True)):
        for view in views:
            view.view_perspective, view.view_camera_offset, view.view_camera_zoom = perspective, (0.3, 0.2), 11.0
        fit_camera_view(empty_scene)
        found = [tuple(view.view_camera_offset) != pytest.approx((0.3, 0.2)) for view in views]
        assert found == [fits] * len(views) and views


# points and meshes


def test_the_colors_in_solid_are_those_that_the_modifier_shows(collection):
    cloud = find_points(collection)
    position, radius, color = colored_points(bpy.context, cloud)
    assert len(position) == len(color) == make_reconstruction_points(collection)
    points = read_points(cloud)
    sizes = points.size[shown_points(cloud, points)]
    np.testing.assert_allclose(radius, points_input(points_modifier(cloud), "Radius") * sizes, rtol=1e-6)
    assert color[:, :3].std() > 0.05 and (color[:, 3] == 1).all()


def make_reconstruction_points(collection):
    cloud = find_points(collection)
    confidence = np.empty(len(cloud.data.vertices), np.float32)
    cloud.data.attributes["confidence"].data.foreach_get("value", confidence)
    return int((confidence >= points_input(points_modifier(cloud), "Minimum Confidence")).sum())


def test_a_mesh_replaces_the_points_and_the_switch_brings_them_back(collection, extension):
    scene, cloud = bpy.context.scene, find_points(collection)
    (thing,), _ = add_meshes(scene, collection, [triangle()])
    show_kind(scene, collection, "MESH")
    assert extension.shown == "MESH" and not thing.hide_get() and not thing.hide_render
    assert cloud.hide_get() and cloud.hide_render
    extension.shown = "POINTS"
    assert not cloud.hide_get() and not cloud.hide_render and thing.hide_get() and thing.hide_render


def test_lit_connects_the_surface_and_unlit_the_color(collection, extension):
    (thing,), _ = add_meshes(bpy.context.scene, collection, [triangle()])
    output = next(
        node for node in thing.active_material.node_tree.nodes if node.bl_idname == "ShaderNodeOutputMaterial"
    )
    assert not extension.lit
    extension.lit = True
    assert extension.lit and output.inputs["Surface"].links[0].from_node.bl_idname == "ShaderNodeBsdfPrincipled"
    extension.lit = False
    assert not extension.lit and output.inputs["Surface"].links[0].from_node.bl_idname == "ShaderNodeVertexColor"


def test_a_scene_has_light_where_a_lamp_or_a_sky_is(empty_scene):
    assert not has_light(empty_scene)
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "POINT"))
    empty_scene.collection.objects.link(lamp)
    assert has_light(empty_scene)
    lamp.hide_render = True
    assert not has_light(empty_scene)
    empty_scene.world = bpy.data.worlds.new("World")
    empty_scene.world.use_nodes = True
    empty_scene.world.node_tree.nodes.new("ShaderNodeTexEnvironment")
    assert has_light(empty_scene)


# several


def test_a_result_that_is_replaced_leaves_what_the_artist_put_there_and_its_name(collection, tmp_path):
    scene = bpy.context.scene
    add_meshes(scene, collection, [triangle()])
    own = bpy.data.objects.new("Own", None)
    collection.objects.link(own)
    blocks = len(bpy.data.objects), len(bpy.data.cameras)
    new = add_reconstruction(scene, make_reconstruction(tmp_path, THREE[:2]), "Other")
    replace_result(scene, "Room", new)
    assert list(bpy.data.collections) == [new] and new.name == "Room" and own.name in new.objects
    assert len(photo_cameras(new)) == 2 and find_points(new) is not None
    assert (len(bpy.data.objects), len(bpy.data.cameras)) == (blocks[0] - 2, blocks[1] - 1)  # a photo and the mesh less
    replace_result(scene, "Gone", new)
    assert list(bpy.data.collections) == [new]


def test_one_of_several_results_is_chosen_by_name_and_worked_on(collection, tmp_path, extension):
    second = add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE[:2]), "Second")
    bpy.context.view_layer.update()
    assert extension.results == [collection, second] and extension.result == second
    assert bpy.ops.dust3r.choose_result(result="Room") == {"FINISHED"}
    assert extension.result == collection and bpy.context.selected_objects == [find_points(collection)]
    with pytest.raises(RuntimeError, match="'Nobody' is no result in this scene"):
        bpy.ops.dust3r.choose_result(result="Nobody")


def test_warnings_stay_until_they_are_dismissed(collection, extension):
    assert not bpy.ops.dust3r.dismiss.poll()
    keep_warnings(collection, ["a.png is gone", "a.png is gone", "b.png is small"])
    assert extension.warnings == ["a.png is gone", "b.png is small"]
    assert bpy.ops.dust3r.dismiss(what="RESULT") == {"FINISHED"}
    assert extension.warnings == [] and read_warnings(collection) == []
    for damaged in ("damaged", '{"a": "b"}', "7", 7):
        collection["dust3r_warnings"] = damaged
        assert extension.warnings == []


def test_why_a_job_failed_stays_until_it_is_dismissed(extension, tmp_path):
    job = bpy.context.window_manager.dust3r_job
    with pytest.raises(RuntimeError):
        bpy.ops.dust3r.reconstruct()
    assert job.problem
    assert bpy.ops.dust3r.dismiss(what="JOB") == {"FINISHED"} and job.problem == ""


# the look through a photo


def test_a_photo_is_looked_through_alone_and_its_fit_stays_from_photo_to_photo(collection, extension):
    a, b, c = photo_cameras(collection)
    c.hide_set(True)  # by the artist
    bpy.ops.dust3r.look_through_photo(photo="a.png")
    assert [camera.hide_get() for camera in (a, b, c)] == [False, True, True]
    extension.photo_looked_through.alpha, extension.photo_looked_through.display_depth = 0.75, "FRONT"
    bpy.ops.dust3r.next_photo(direction="NEXT")
    shown = extension.photo_looked_through
    assert bpy.context.scene.camera == b and [camera.hide_get() for camera in (a, b)] == [True, False]
    assert (shown.alpha, shown.display_depth) == (pytest.approx(0.75), "FRONT")
    bpy.ops.dust3r.leave_photo()
    assert [camera.hide_get() for camera in (a, b, c)] == [False, False, True]


def test_the_points_of_the_photo_alone_are_shown_on_request_and_all_after_it(collection, extension):
    modifier = points_modifier(find_points(collection))
    bpy.ops.dust3r.look_through_photo(photo="b.png")
    assert points_input(modifier, "View") == -1
    extension.only_its_points = True
    assert points_input(modifier, "View") == 1
    bpy.ops.dust3r.next_photo(direction="NEXT")
    assert points_input(modifier, "View") == 2
    bpy.ops.dust3r.leave_photo()
    assert points_input(modifier, "View") == -1 and extension.only_its_points


# what has to be there


def test_the_button_says_what_is_missing(extension):
    assert extension.missing == "Add photos first."
    photo = extension.photos.add()
    photo.use = False
    assert extension.missing == "Switch some photos on first."
    photo.use = True
    assert extension.missing == ""


def test_the_parts_of_a_result_are_there_when_there_is_one(extension, tmp_path):
    from dust3r.panels.result import DUST3R_PT_points

    assert not DUST3R_PT_points.poll(bpy.context)
    add_reconstruction(bpy.context.scene, make_reconstruction(tmp_path, THREE))
    assert DUST3R_PT_points.poll(bpy.context)
