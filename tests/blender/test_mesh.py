"""Meshes in a collection: where the points are, coloured and textured, out again through Blender's exporters."""

import importlib

import bpy
import numpy as np
import pytest
from dust3r.cli.verbs.mesh import DEFAULTS as VERB_DEFAULTS
from dust3r.core.meshing.meshes import make_meshes
from dust3r.core.meshing.settings import MeshSettings
from dust3r.operators.scene import add_reconstruction
from dust3r.operators.scene.interchange import export_gltf, export_usd
from dust3r.operators.scene.meshes import MESH, add_meshes, mesh_objects
from dust3r.tests.blender.synthetic_reconstruction import Shot, make_reconstruction
from dust3r.tests.mesh_scenes import room, sphere
from mathutils import Matrix

FUSED = MeshSettings(voxel=0.1)


@pytest.fixture
def reconstructed(tmp_path, empty_scene):
    """(the reconstruction of a painted ball, its collection)."""
    whole = sphere(tmp_path)
    return whole, add_reconstruction(empty_scene, whole)


def values(data, name, field, width):
    found = np.empty(len(data.attributes[name].data) * width, np.float32)
    data.attributes[name].data.foreach_get(field, found)
    return found.reshape(-1, width)


def blocks():
    kinds = ("objects", "meshes", "images", "materials", "scenes", "collections")
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def image_of(thing):
    (material,) = thing.data.materials
    return next((node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"), None)


def test_a_fused_mesh_is_what_was_made_with_its_texture_inside_the_file(reconstructed, empty_scene):
    whole, collection = reconstructed
    meshes, _ = make_meshes(whole, FUSED)
    (thing,), warnings = add_meshes(empty_scene, collection, meshes)
    (mesh,), data = meshes, thing.data
    assert (thing.name, thing[MESH], warnings) == ("DUSt3R Fused", "Fused", [])
    np.testing.assert_allclose(values(data, "position", "vector", 3), mesh.vertices[:, [0, 2, 1]] * (1, 1, -1))
    np.testing.assert_allclose(values(data, "color", "color_srgb", 4)[:, :3], mesh.colors / 255, atol=1e-6)
    corners = np.empty(mesh.faces.size, np.int32)
    data.loops.foreach_get("vertex_index", corners)
    np.testing.assert_array_equal(corners.reshape(-1, 3), mesh.faces)
    uv = np.empty(mesh.uv.size, np.float32)
    data.uv_layers.active.uv.foreach_get("vector", uv)
    np.testing.assert_allclose(uv, mesh.uv.ravel(), atol=1e-6)
    assert not data.validate()
    image = image_of(thing)
    assert image.packed_file is not None
    assert tuple(image.size) == mesh.texture.shape[1::-1]
    pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)[::-1, :, :3]
    np.testing.assert_allclose(pixels * 255, mesh.texture, atol=0.51)


def test_grid_meshes_show_the_images_behind_their_cameras(reconstructed, empty_scene):
    whole, collection = reconstructed
    meshes, _ = make_meshes(whole, MeshSettings(kind="grid"))
    before = len(bpy.data.images)
    things, _ = add_meshes(empty_scene, collection, meshes)
    assert mesh_objects(collection) == things
    assert [image_of(thing).filepath for thing in things] == [str(view.path) for view in whole.views]
    assert len(bpy.data.images) == before


def test_a_photo_that_lies_on_its_side_becomes_an_upright_texture(tmp_path, empty_scene):
    whole = make_reconstruction(tmp_path, (Shot("turned.png", size=(60, 90), orientation=6),))
    collection = add_reconstruction(empty_scene, whole)
    (thing,), _ = add_meshes(empty_scene, collection, make_meshes(whole, MeshSettings(kind="grid"))[0])
    assert tuple(image_of(thing).size) == (60, 90)


def test_a_lost_photo_leaves_the_colours_of_vertices_and_a_warning(reconstructed, empty_scene):
    whole, collection = reconstructed
    meshes, _ = make_meshes(whole, MeshSettings(kind="grid"))
    for thing in [thing for thing in collection.objects if thing.type == "CAMERA"]:
        thing.data.background_images.clear()
    whole.views[1].path.unlink()
    things, warnings = add_meshes(empty_scene, collection, meshes)
    assert [image_of(thing) is None for thing in things] == [False, True, False]
    assert len(warnings) == 1 and "sphere_1.png" in warnings[0]


def test_meshes_go_where_the_points_were_moved_to(reconstructed, empty_scene):
    whole, collection = reconstructed
    cloud = collection.objects["DUSt3R Points"]
    cloud.matrix_world = Matrix.Translation((1, 2, 3)) @ Matrix.Scale(2, 4)
    (thing,), _ = add_meshes(empty_scene, collection, make_meshes(whole, FUSED)[0])
    assert thing.matrix_world == cloud.matrix_world


def test_gltf_carries_the_textured_mesh_unlit(reconstructed, empty_scene, tmp_path):
    whole, collection = reconstructed
    (mesh,), _ = make_meshes(whole, FUSED)
    add_meshes(empty_scene, collection, [mesh])
    state = blocks()
    export_gltf(collection, tmp_path / "out" / "ball.glb")
    assert blocks() == state
    assert b"KHR_materials_unlit" in (tmp_path / "out" / "ball.glb").read_bytes()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "out" / "ball.glb"))
    back = bpy.data.objects["DUSt3R Fused"]
    assert len(back.data.polygons) == len(mesh.faces)
    assert tuple(image_of(back).size) == mesh.texture.shape[1::-1]
    corners = np.empty(mesh.faces.size * 2, np.float32)
    back.data.uv_layers.active.uv.foreach_get("vector", corners)
    assert np.abs(np.sort(corners) - np.sort(mesh.uv.ravel())).max() < 1e-5
    assert "Points" in bpy.data.objects


@pytest.mark.usd
def test_usd_carries_the_textured_mesh_with_the_picture_beside_it(reconstructed, empty_scene, tmp_path):
    whole, collection = reconstructed
    (mesh,), _ = make_meshes(whole, FUSED)
    add_meshes(empty_scene, collection, [mesh])
    export_usd(collection, tmp_path / "out" / "ball.usdc")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"ball.usdc", "textures"}
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.usd_import(filepath=str(tmp_path / "out" / "ball.usdc"))
    back = bpy.data.objects["DUSt3R_Fused"]
    assert len(back.data.polygons) == len(mesh.faces)
    assert len(back.data.uv_layers) == 1
    assert tuple(image_of(back).size) == mesh.texture.shape[1::-1]


def test_the_verb_writes_a_glb(tmp_path, run):
    whole = room(tmp_path, 2)
    whole.save(tmp_path / "job")
    code, *_ = run("mesh", tmp_path / "job", "--voxel", 0.1, "--output", tmp_path / "room.glb", "--quiet")
    assert code == 0
    assert b"KHR_materials_unlit" in (tmp_path / "room.glb").read_bytes()


def test_the_operator_adds_the_mesh_it_is_told_or_the_panels(extension, tmp_path):
    assert not bpy.ops.dust3r.create_mesh.poll()
    collection = add_reconstruction(bpy.context.scene, sphere(tmp_path))
    before = blocks()
    assert bpy.ops.dust3r.create_mesh(kind="grid") == {"FINISHED"}
    assert len(mesh_objects(collection)) == 3
    extension.mesh.voxel, extension.mesh.texture = 0.1, False
    assert bpy.ops.dust3r.create_mesh() == {"FINISHED"}
    fused = collection.objects["DUSt3R Fused"]
    assert image_of(fused) is None and len(fused.data.polygons) > 500
    made = blocks()
    with pytest.raises(RuntimeError, match="No surface shows"):
        bpy.ops.dust3r.create_mesh(kind="grid", min_island=10**6)
    assert blocks() == made != before


def test_the_operators_and_verbs_defaults_are_cores_and_the_panels_options_exist(extension):
    from dust3r.operators.result.mesh_properties import MeshProperties, read_mesh_settings
    from dust3r.panels.result import MESH_OPTIONS

    chosen = {name: getattr(extension.mesh, name) for name in MeshProperties.__annotations__}
    settings = read_mesh_settings(chosen)
    assert settings.max_slope == pytest.approx(MeshSettings().max_slope, abs=1e-4)
    for name in ("kind", "voxel", "texture", "texture_size", "min_island", "max_voxels"):
        assert getattr(settings, name) == getattr(MeshSettings(), name)
    assert MeshSettings() == VERB_DEFAULTS
    assert all(hasattr(extension.mesh, option) for options in MESH_OPTIONS.values() for option in options)


def test_a_world_that_is_moved_while_the_mesh_is_made_takes_the_mesh_along(extension, tmp_path, monkeypatch):
    ours = "bl_ext.user_default.dust3r.operators"
    whole = sphere(tmp_path)
    collection = importlib.import_module(f"{ours}.scene").add_reconstruction(bpy.context.scene, whole)
    bpy.ops.dust3r.create_mesh(kind="grid")
    still = np.array([tuple(vertex.co) for vertex in mesh_objects(collection)[0].data.vertices])
    form = importlib.import_module(f"{ours}.jobs.running").WorkerOperator
    finish = form.finish

    def moved_meanwhile(operator, context):
        assert bpy.ops.dust3r.set_scale(way="factor", factor=2.0) == {"FINISHED"}
        return finish(operator, context)

    monkeypatch.setattr(form, "finish", moved_meanwhile)
    before = set(mesh_objects(collection))
    bpy.ops.dust3r.create_mesh(kind="grid")
    made = sorted(set(mesh_objects(collection)) - before, key=lambda thing: thing.name)[0]
    found = np.array([tuple(vertex.co) for vertex in made.data.vertices])
    assert np.array(made.matrix_world) == pytest.approx(np.eye(4))
    np.testing.assert_allclose(found, 2 * still, atol=1e-4)
