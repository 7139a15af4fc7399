"""Flaws as attributes of the points: hidden by switches, brought back by them, never removed."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.flaws import FLAWS, bits_of
from dust3r.operators.scene import add_reconstruction, points_input, points_modifier, set_points_input
from dust3r.operators.scene.cleanup import active_switches, take_flaws
from dust3r.operators.scene.interchange import export_gltf
from dust3r.operators.scene.point_cloud import confident_points
from dust3r.operators.scene.points_nodes import HIDE
from dust3r.operators.scene.reading import find_points, read_reconstruction
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction

TWO = (Shot("a.png"), Shot("b.png", size=(60, 90)))


def flawed(folder, hide=(), shots=TWO):
    """A reconstruction whose pixels have every combination of flaws but all together, row by row."""
    whole = make_reconstruction(folder, shots)
    views = [
        replace(view, flaws=np.arange(view.depth.size).reshape(view.depth.shape).astype(np.uint8) % bits_of(FLAWS))
        for view in whole.views
    ]
    return replace(whole, views=tuple(views)).with_settings(hide=tuple(hide), min_confidence=1.0)


def shown_count(cloud):
    found = [instance.object for instance in bpy.context.evaluated_depsgraph_get().object_instances]
    clouds = [thing.data for thing in found if thing.type == "POINTCLOUD" and thing.name == cloud.name]
    return len(clouds[0].attributes["position"].data) if clouds else 0


def expected(reconstruction, hide):
    return len(reconstruction.with_settings(hide=tuple(hide)).visible_points().position)


@pytest.mark.parametrize("hide", [(), ("sky",), ("floaters", "edges"), tuple(FLAWS)])
def test_the_points_shown_at_first_are_those_that_the_reconstruction_does_not_hide(tmp_path, empty_scene, hide):
    reconstruction = flawed(tmp_path, hide)
    cloud = find_points(add_reconstruction(empty_scene, reconstruction))
    assert shown_count(cloud) == expected(reconstruction, hide)
    assert len(cloud.data.vertices) == expected(reconstruction, ())


@pytest.mark.parametrize("name", FLAWS)
def test_a_switch_hides_the_points_with_its_flaw_and_brings_them_back(tmp_path, empty_scene, name):
    reconstruction = flawed(tmp_path)
    cloud = find_points(add_reconstruction(empty_scene, reconstruction))
    modifier = points_modifier(cloud)
    counts = []
    for on in (False, True, False):
        set_points_input(modifier, HIDE[name], on)
        counts.append(shown_count(cloud))
    assert counts == [expected(reconstruction, hide) for hide in ((), (name,), ())]


def test_every_flaw_is_a_boolean_attribute_of_the_points(tmp_path, empty_scene):
    reconstruction = flawed(tmp_path)
    mesh, points = find_points(add_reconstruction(empty_scene, reconstruction)).data, reconstruction.point_cloud()
    for flaw in FLAWS.values():
        attribute = mesh.attributes[flaw.attribute]
        has = np.empty(len(points.view), bool)
        attribute.data.foreach_get("value", has)
        assert (attribute.data_type, attribute.domain) == ("BOOLEAN", "POINT")
        np.testing.assert_array_equal(has, points.flaws & flaw.bit != 0)


def test_points_that_nobody_searched_have_no_such_attributes_and_no_switches(tmp_path, empty_scene):
    collection = add_reconstruction(empty_scene, make_reconstruction(tmp_path, TWO))
    assert not {flaw.attribute for flaw in FLAWS.values()} & set(find_points(collection).data.attributes.keys())
    assert active_switches(bpy.context) == []
    assert all(view.flaws is None for view in read_reconstruction(collection).views)


def test_the_flaws_and_what_is_hidden_read_back_from_a_saved_file(tmp_path, empty_scene):
    reconstruction = flawed(tmp_path, ("sky",))
    cloud = find_points(add_reconstruction(empty_scene, reconstruction))
    set_points_input(points_modifier(cloud), HIDE["edges"], True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    back = read_reconstruction(bpy.data.collections["DUSt3R"])
    assert back.hidden_flaws == ("sky", "edges")
    for view, found in zip(reconstruction.views, back.views, strict=True):
        np.testing.assert_array_equal(found.flaws[view.mask], view.flaws[view.mask])
    assert len(back.visible_points().position) == expected(reconstruction, ("sky", "edges"))


def test_what_is_hidden_is_left_out_of_exports_and_of_matching(tmp_path, empty_scene):
    reconstruction = flawed(tmp_path, ("floaters", "outliers"), (TWO[0],))
    collection = add_reconstruction(empty_scene, reconstruction)
    count = expected(reconstruction, ("floaters", "outliers"))
    assert len(confident_points(find_points(collection), [0])) == count
    export_reconstruction(read_reconstruction(collection), tmp_path / "ply", "ply")
    assert f"element vertex {count}\n".encode() in (tmp_path / "ply" / "points.ply").read_bytes()
    export_gltf(collection, tmp_path / "scene.glb")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "scene.glb"))
    assert len(bpy.data.objects["Points"].data.vertices) == count


def as_before(cloud):
    """Make a point cloud what the version before this one made: without flaws, with a group that knows none."""
    for flaw in FLAWS.values():
        if flaw.attribute in cloud.data.attributes:
            cloud.data.attributes.remove(cloud.data.attributes[flaw.attribute])
    modifier = points_modifier(cloud)
    group = modifier.node_group.copy()
    group["dust3r_version"] = 2
    for item in [item for item in group.interface.items_tree if item.name in HIDE.values()]:
        group.interface.remove(item)
    modifier.node_group = group


def test_a_reconstruction_of_an_earlier_version_gets_flaws_and_switches_and_keeps_everything_else(
    tmp_path, empty_scene
):
    reconstruction = flawed(tmp_path, ("sky",))
    collection = add_reconstruction(empty_scene, reconstruction)
    cloud = find_points(collection)
    as_before(cloud)
    modifier = points_modifier(cloud)
    for name, value in (("Minimum Confidence", 2.5), ("View", 1), ("Radius", 0.5), ("Display Percentage", 90.0)):
        set_points_input(modifier, name, value)
    names = ("Minimum Confidence", "View", "Radius", "Display Percentage", "Color")
    before = {name: points_input(modifier, name) for name in names}
    assert active_switches(bpy.context) == []
    searched = replace(read_reconstruction(collection), views=reconstruction.views)
    take_flaws(collection, replace(searched, settings=reconstruction.settings))
    assert {name: points_input(modifier, name) for name in before} == before
    assert [title for title, *_ in active_switches(bpy.context)] == [flaw.title for flaw in FLAWS.values()]
    set_points_input(modifier, "Display Percentage", 100.0)
    points = reconstruction.point_cloud()
    kept = (points.confidence >= 2.5) & (points.view == 1) & (points.flaws & FLAWS["sky"].bit == 0)
    assert shown_count(cloud) == kept.sum() > 0


def without(mesh, kept):
    """A copy of a mesh with only some of its vertices."""
    import bmesh  # bpy brings it

    copy, work = mesh.copy(), bmesh.new()
    work.from_mesh(copy)
    work.verts.ensure_lookup_table()
    bmesh.ops.delete(work, geom=[work.verts[k] for k in np.flatnonzero(~kept)], context="VERTS")
    work.to_mesh(copy)
    return copy


def test_points_that_were_deleted_by_hand_stay_deleted_and_the_others_get_their_own_flaws(tmp_path, empty_scene):
    reconstruction = flawed(tmp_path)
    collection = add_reconstruction(empty_scene, reconstruction)
    cloud, points = find_points(collection), reconstruction.point_cloud()
    kept = np.arange(len(points.view)) % 3 > 0
    cloud.data = without(cloud.data, kept)
    take_flaws(collection, replace(read_reconstruction(collection), views=reconstruction.views))
    for flaw in FLAWS.values():
        has = np.empty(kept.sum(), bool)
        cloud.data.attributes[flaw.attribute].data.foreach_get("value", has)
        np.testing.assert_array_equal(has, points.flaws[kept] & flaw.bit != 0)


def test_the_operator_finds_flaws_in_what_is_in_the_scene(extension, tmp_path):
    assert not bpy.ops.dust3r.find_flaws.poll()
    shots = (Shot("a.png", flat=True), Shot("b.png", flat=True))
    whole = make_reconstruction(tmp_path, shots)
    whole.views[0].depth[30:34, 40:44] = 0.7  # hangs in the air
    whole.views[0].confidence[30:34, 40:44] = 1.0
    cloud = find_points(add_reconstruction(bpy.context.scene, whole, min_confidence=1.0))
    before = shown_count(cloud)
    assert bpy.ops.dust3r.find_flaws() == {"FINISHED"}
    found = np.empty((2, len(cloud.data.vertices)), bool)
    for name, values in zip(("floater", "repeated"), found, strict=True):
        cloud.data.attributes[name].data.foreach_get("value", values)
    assert found[0].sum() == 16 and found[1].any()
    assert found.any(axis=0).sum() == before - shown_count(cloud)
    assert [title for title, *_ in extension.flaw_switches] == [flaw.title for flaw in FLAWS.values()]
    assert not any(Path(bpy.utils.extension_path_user("bl_ext.user_default.dust3r", path="jobs")).glob("cleanup-*"))
