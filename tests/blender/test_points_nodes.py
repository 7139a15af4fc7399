"""The geometry-nodes group of all points: its inputs, its layout, and the colours that it computes, by formula."""

import colorsys
import math
from dataclasses import replace

import bpy
import numpy as np
import pytest
from dust3r.core.flaws import FLAWS
from dust3r.core.reconstruction.result import PointCloud
from dust3r.operators.scene.match_curves import HUES, THICKNESS, add_match_curves
from dust3r.operators.scene.materials import SHOWN_COLOR, emit, mesh_material, points_material, set_lit
from dust3r.operators.scene.point_cloud import (
    add_points,
    confident_points,
    display_sliders,
    points_modifier,
    read_points,
    renew_nodes,
    rgba,
    shown_points,
)
from dust3r.operators.scene.points_nodes import (
    COLORS,
    DISPLAY_PERCENTAGE,
    GOLDEN_RATIO,
    HIDDEN,
    HIDE,
    LOGISTIC,
    RAMP,
    has_points_input,
    is_earlier,
    points_input,
    points_node_group,
    set_points_input,
)
from dust3r.operators.scene.shared import STAMP
from mathutils import Matrix


def cloud_of(scene, position, confidence=None, view=None, color=None, flaws=None, **options):
    count = len(position)
    points = PointCloud(
        np.array(position, np.float32),
        np.zeros((count, 3), np.uint8) if color is None else np.array(color, np.uint8),
        np.ones(count, np.float32) if confidence is None else np.array(confidence, np.float32),
        np.zeros(count, np.int32) if view is None else np.array(view, np.int32),
        None if flaws is None else np.array(flaws, np.uint8),
    )
    return add_points(scene.collection, "Cloud", points, options.pop("spacing", 0.01), 1.0, **options)


def evaluated(cloud, name, field, width=1):
    """An attribute of the points as they are drawn: (N, width)."""
    found = [one.object for one in bpy.context.evaluated_depsgraph_get().object_instances]
    data = next(one.data for one in found if one.type == "POINTCLOUD")
    values = np.empty(len(data.attributes[name].data) * width, np.float32)
    data.attributes[name].data.foreach_get(field, values)
    return values.reshape(-1, width)


def colors(cloud, choice):
    set_points_input(points_modifier(cloud), "Color", choice)
    return evaluated(cloud, SHOWN_COLOR, "color", 4)[:, :3]


def ramp(share):
    steps = np.linspace(0, 1, len(RAMP))
    return np.stack([np.interp(share, steps, channel) for channel in np.transpose(RAMP)], axis=-1)


CLOSE = {"abs": 0.012}  # colours are bytes of sRGB


def test_the_groups_inputs_have_their_limits_and_defaults(empty_scene):
    group = points_node_group()
    items = {item.name: item for item in group.interface.items_tree if item.in_out == "INPUT"}
    assert list(items) == [
        "Geometry",
        "Radius",
        "Minimum Confidence",
        "View",
        "Color",
        DISPLAY_PERCENTAGE,
        *HIDE.values(),
    ]
    radius, confidence, view, share = (items[name] for name in list(items)[1:6] if name != "Color")
    assert (radius.subtype, radius.min_value, radius.default_value) == ("DISTANCE", 0, pytest.approx(0.01))
    assert (confidence.min_value, confidence.default_value) == (1, 1)
    assert (view.min_value, view.default_value) == (-1, -1)
    assert (share.subtype, share.min_value, share.max_value, share.default_value) == ("PERCENTAGE", 0, 100, 100)
    assert items["Color"].default_value == COLORS[0]
    assert not any(items[name].default_value for name in HIDE.values())
    outputs = [item.name for item in group.interface.items_tree if item.in_out == "OUTPUT"]
    assert outputs == ["Geometry"] and group.is_modifier
    assert all(items[HIDE[name]].description.startswith(flaw.note) for name, flaw in FLAWS.items())


def test_the_group_reads_from_left_to_right_and_no_node_hides_another(empty_scene):
    group = points_node_group()
    places = [tuple(node.location) for node in group.nodes]
    assert len(set(places)) == len(places)
    for link in group.links:
        assert link.from_node.location.x <= link.to_node.location.x
        assert link.is_valid
    ends = {node.bl_idname: node.location.x for node in group.nodes if "Group" in node.bl_idname}
    assert ends["NodeGroupOutput"] == max(x for x, _ in places) and ends["NodeGroupInput"] < 0


def test_the_photos_colours_are_shown_as_they_are(empty_scene):
    own = np.array([[0, 128, 255], [10, 20, 30], [255, 255, 255]])
    cloud = cloud_of(empty_scene, np.eye(3), color=own)
    set_points_input(points_modifier(cloud), "Color", "Photo")
    assert np.round(255 * evaluated(cloud, SHOWN_COLOR, "color_srgb", 4)[:, :3]).tolist() == own.tolist()


def test_confidence_is_shown_by_its_logarithm_over_the_highest(empty_scene):
    confidence = np.array([1, 2, 5, 10, 20], np.float32)
    cloud = cloud_of(empty_scene, np.zeros((5, 3)), confidence)
    assert colors(cloud, "Confidence") == pytest.approx(ramp(np.log(confidence) / np.log(20)), **CLOSE)


def test_every_photo_has_a_hue_a_golden_step_from_the_one_before(empty_scene):
    cloud = cloud_of(empty_scene, np.zeros((7, 3)), view=np.arange(7))
    expected = [colorsys.hsv_to_rgb(number * GOLDEN_RATIO % 1, 0.7, 0.9) for number in range(7)]
    assert colors(cloud, "View") == pytest.approx(np.array(expected), **CLOSE)


def test_depth_is_shown_before_the_scenes_camera_however_both_stand(empty_scene):
    generator = np.random.default_rng(0)
    depth = np.array([1, 1.5, 2, 4, 8, 3, 2.5, -2, 0.5])
    place = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.7, 4, "X") @ Matrix.Rotation(0.4, 4, "Y")
    local = np.stack([*generator.normal(size=(2, 9)), -depth], axis=1)
    own = Matrix.Translation((-3, 1, 0)) @ Matrix.Rotation(1.1, 4, "Z")
    to_own = np.array(own.inverted() @ place)
    cloud = cloud_of(empty_scene, local @ to_own[:3, :3].T + to_own[:3, 3])
    cloud.matrix_world = own
    camera = bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye"))
    empty_scene.collection.objects.link(camera)
    camera.matrix_world, empty_scene.camera = place, camera
    bpy.context.view_layer.update()
    logs = np.log(depth[depth > 0])
    near = (logs.mean() - np.log(np.maximum(depth, 1e-9))) / logs.std()
    share = np.where(depth > 0, 1 / (1 + LOGISTIC ** np.minimum(near, 50)), 0)
    found = colors(cloud, "Depth")
    assert found[:7] == pytest.approx(ramp(share)[:7], abs=0.03)
    assert found[7] == pytest.approx(ramp(0.0), **CLOSE)  # behind the camera
    order = np.argsort(depth[:7])
    assert (np.diff(found[order, 0] + found[order, 1]) > 0).all()


@pytest.mark.parametrize("flaw", list(FLAWS))
def test_points_with_a_flaw_are_hidden_by_its_switch_alone(empty_scene, flaw):
    bits = [0, *(one.bit for one in FLAWS.values())]
    cloud = cloud_of(empty_scene, np.arange(len(bits) * 3).reshape(-1, 3), flaws=bits)
    assert len(evaluated(cloud, "position", "vector", 3)) == len(bits)
    set_points_input(points_modifier(cloud), HIDE[flaw], True)
    left = evaluated(cloud, "position", "vector", 3)[:, 0]
    assert left.tolist() == [3 * k for k, bit in enumerate(bits) if bit != FLAWS[flaw].bit]
    kept = shown_points(cloud, read_points(cloud))
    assert kept.tolist() == [bit != FLAWS[flaw].bit for bit in bits]


def test_a_point_of_two_flaws_is_hidden_by_either(empty_scene):
    first, second, *_ = FLAWS
    both = FLAWS[first].bit | FLAWS[second].bit
    for hide in ((first,), (second,), (first, second)):
        cloud = cloud_of(empty_scene, np.eye(3), flaws=[0, both, both], hide=hide)
        assert shown_points(cloud, read_points(cloud)).tolist() == [True, False, False]
        assert [points_input(points_modifier(cloud), HIDE[name]) for name in FLAWS] == [name in hide for name in FLAWS]
        assert len(evaluated(cloud, "position", "vector", 3)) == 1
        bpy.data.objects.remove(cloud)


def test_a_points_radius_follows_its_size(empty_scene):
    points = PointCloud(
        *(np.zeros((3, 3), kind) for kind in (np.float32, np.uint8)), np.ones(3, np.float32), np.zeros(3, np.int32)
    )
    sized = replace(points, size=np.array([1, 2, 0.5], np.float32))
    cloud = add_points(empty_scene.collection, "Cloud", sized, 0.2, 1.0)
    assert evaluated(cloud, "radius", "value")[:, 0] == pytest.approx([0.15, 0.3, 0.075])
    assert read_points(cloud).size == pytest.approx([1, 2, 0.5])


def test_repeated_points_are_shown_where_the_photos_that_show_them_too_are_not(empty_scene):
    position, view, repeated = np.arange(12).reshape(-1, 3), [0, 1, 1, 2], FLAWS["repeated"].bit
    cloud = cloud_of(empty_scene, position, view=view, flaws=[0, repeated, 0, repeated], hide=["repeated"])

    def shown():
        return (evaluated(cloud, "position", "vector", 3)[:, 0] / 3).tolist()

    assert shown() == [0, 2]
    set_points_input(points_modifier(cloud), "View", 1)
    assert shown() == [1, 2]
    set_points_input(points_modifier(cloud), "View", -1)
    cloud.data.attributes.new(HIDDEN, "BOOLEAN", "POINT").data.foreach_set("value", [True, False, False, False])
    cloud.data.update()
    assert shown() == [1, 2, 3]
    assert shown_points(cloud, read_points(cloud)).tolist() == [False, True, True, True]


def test_points_are_so_large_that_surfaces_have_no_holes_and_viewports_show_what_is_asked_for(empty_scene):
    cloud = cloud_of(empty_scene, np.eye(3), spacing=0.2)
    modifier = points_modifier(cloud)
    assert points_input(modifier, "Radius") == pytest.approx(0.15)
    assert evaluated(cloud, "radius", "value")[:, 0] == pytest.approx(np.full(3, 0.15))
    assert points_input(modifier, DISPLAY_PERCENTAGE) == 100
    few = cloud_of(empty_scene, np.eye(3), display_percentage=0)
    assert points_input(points_modifier(few), DISPLAY_PERCENTAGE) == 0
    names = [name for name, *_ in display_sliders(empty_scene)]
    assert names == sorted([cloud.name, few.name])


def test_world_points_are_those_of_the_photos_where_their_object_stands(empty_scene):
    cloud = cloud_of(empty_scene, np.eye(3), [1, 5, 5], [0, 1, 2])
    cloud.matrix_world = Matrix.Translation((10, 20, 30)) @ Matrix.Scale(2, 4)
    bpy.context.view_layer.update()
    assert confident_points(cloud, [1, 2]).tolist() == [[10, 22, 30], [10, 20, 32]]
    set_points_input(points_modifier(cloud), "Minimum Confidence", 3.0)
    assert confident_points(cloud, [0, 1]).tolist() == [[10, 22, 30]]


def test_colours_are_opaque_and_come_back_as_the_same_bytes():
    found = rgba(np.arange(256, dtype=np.uint8).repeat(3).reshape(-1, 3))
    assert (found[:, 3] == 1).all() and found.dtype == np.float32
    assert found[:, 0] == pytest.approx(np.arange(256) / 255) and (found[:, 0] == found[:, 2]).all()


def test_a_group_is_earlier_by_its_stamp_alone(empty_scene):
    group = points_node_group()
    assert not is_earlier(group)
    group[STAMP] -= 1
    assert is_earlier(group)
    group[STAMP] = "1"
    assert not is_earlier(group)
    del group[STAMP]
    assert not is_earlier(group)


def test_points_of_an_earlier_version_get_todays_group_and_keep_their_inputs(empty_scene):
    cloud = cloud_of(empty_scene, np.eye(3), display_percentage=40)
    modifier = points_modifier(cloud)
    set_points_input(modifier, "Radius", 0.5)
    assert not renew_nodes(cloud)
    old = modifier.node_group
    old[STAMP] -= 1
    assert renew_nodes(cloud)
    assert modifier.node_group != old and modifier.node_group == points_node_group()
    assert points_input(modifier, "Radius") == 0.5 and points_input(modifier, DISPLAY_PERCENTAGE) == pytest.approx(40)
    assert not renew_nodes(bpy.data.objects.new("Other", bpy.data.meshes.new("Other")))
    assert has_points_input(modifier, "Radius") and not has_points_input(modifier, "Viewport Share")


def test_materials_show_a_colour_whatever_the_light(empty_scene):
    material = points_material()
    nodes = {node.bl_idname: node for node in material.node_tree.nodes}
    assert set(nodes) == {"ShaderNodeAttribute", "ShaderNodeEmission", "ShaderNodeOutputMaterial"}
    assert nodes["ShaderNodeAttribute"].attribute_name == SHOWN_COLOR
    links = {(one.from_socket.name, one.to_socket.name) for one in material.node_tree.links}
    assert links == {("Color", "Color"), ("Emission", "Surface")}
    assert points_material() == material
    plain = bpy.data.materials.new("plain")
    assert emit(plain).bl_idname == "ShaderNodeEmission" and len(plain.node_tree.nodes) == 2


@pytest.mark.parametrize("kind", ["picture", "attribute"])
def test_a_meshs_material_shines_and_offers_an_unlinked_surface_to_exporters(empty_scene, kind):
    picture = bpy.data.images.new("picture", 2, 2)
    material = mesh_material("mesh", picture if kind == "picture" else "color")
    nodes = {node.bl_idname: node for node in material.node_tree.nodes}
    source = nodes["ShaderNodeTexImage" if kind == "picture" else "ShaderNodeVertexColor"]
    if kind == "picture":
        assert source.image == picture and material.node_tree.nodes.active == source
    else:
        assert source.layer_name == "color"
    surface = nodes["ShaderNodeBsdfPrincipled"]
    assert surface.inputs["Roughness"].default_value == 1 and surface.inputs["Specular IOR Level"].default_value == 0
    links = {(one.from_node.bl_idname, one.to_node.bl_idname, one.to_socket.name) for one in material.node_tree.links}
    assert links == {
        (source.bl_idname, "ShaderNodeBsdfPrincipled", "Base Color"),
        (source.bl_idname, "ShaderNodeOutputMaterial", "Surface"),
    }
    columns = [source.location.x, surface.location.x, nodes["ShaderNodeOutputMaterial"].location.x]
    assert columns == sorted(set(columns))


def test_matches_are_lines_between_the_symbols_frames_in_hues_from_top_to_bottom(empty_scene):
    collection = bpy.data.collections.new("ours")
    cameras = []
    for name, x in (("one", 0.0), ("other", 5.0)):
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        camera["dust3r_size"], camera["dust3r_K"] = [100, 120], [50.0, 0, 40, 0, 25, 60, 0, 0, 1]
        camera.data.display_size, camera.location = 2.0 + x / 5, (x, 0, 0)
        cameras.append(camera)
        collection.objects.link(camera)
    empty_scene.collection.children.link(collection)
    bpy.context.view_layer.update()
    rows = np.array([-5.0, 0, 9.9, 10, 60, 119, 120, 125])
    pixels = np.stack([np.full(8, 90.0), rows], axis=1)
    thing = add_match_curves(collection, tuple(cameras), (pixels, pixels[:, ::1] - [50, 0]))
    curve = thing.data
    assert thing.name in collection.objects and thing.name == "Matches one - other" and curve.dimensions == "3D"
    assert curve.bevel_depth == pytest.approx(2 * THICKNESS) and len(curve.materials) == HUES
    assert [line.material_index for line in curve.splines] == [0, 0, 0, 1, 6, 11, 11, 11]
    for line, row in zip(curve.splines, rows, strict=True):
        # the frame is 2 wide, so 1 before the camera with its focal of half the width
        start, end = (np.array(point.co) for point in line.points)
        height = -(row - 60) / 25
        assert start == pytest.approx([1.0, height, -1, 1], abs=1e-5)
        assert end == pytest.approx([5.0, 1.5 * height, -1.5, 1], abs=1e-5)
    for hue, material in enumerate(curve.materials):
        color = (*colorsys.hsv_to_rgb(hue / HUES, 0.9, 1.0), 1.0)
        assert tuple(material.diffuse_color) == pytest.approx(color)
        emission = next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeEmission")
        assert tuple(emission.inputs["Color"].default_value) == pytest.approx(color)
    again = add_match_curves(collection, tuple(cameras), (pixels, pixels))
    assert list(again.data.materials) == list(curve.materials)


def test_a_meshs_material_that_lacks_a_node_stays_as_it_is(empty_scene):
    for missing in ("ShaderNodeVertexColor", "ShaderNodeBsdfPrincipled", "ShaderNodeOutputMaterial"):
        material = mesh_material("mesh", "color")
        nodes = material.node_tree.nodes
        nodes.remove(next(node for node in nodes if node.bl_idname == missing))
        before = len(material.node_tree.links)
        for lit in (True, False):
            set_lit(material, lit)
        assert len(material.node_tree.links) == before


def test_the_logistic_curve_is_the_normal_distributions_within_a_hundredth():
    steps = np.linspace(-4, 4, 161)
    normal = np.array([(1 + math.erf(step / math.sqrt(2))) / 2 for step in steps])
    np.testing.assert_allclose(1 / (1 + LOGISTIC**-steps), normal, atol=0.0095)
