"""A photo against a model: the camera that took it is found by exact points, and what is not sure enough is refused."""

import json
import math
from dataclasses import replace

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from dust3r.core.checkpoints import loading
from dust3r.core.checkpoints.local import find_model
from dust3r.core.localization.reference_settings import MapSettings
from dust3r.core.localization.reference_views import read_map
from dust3r.operators.localization.match_to_model import spelled
from dust3r.operators.scene.localized import LOCALIZATION, MATCHED
from dust3r.operators.scene.map_cameras import own_photo
from dust3r.operators.scene.map_views import render_map
from dust3r.operators.scene.viewpoints import look_through
from dust3r.tests.perfect_network import Shot, perfect_model
from mathutils import Euler, Matrix, Vector

MAP = MapSettings(cameras=("Left", "Right"), size=128, samples=1)
CORNERS = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]


def add_camera(name, location, turn, lens=30.0):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.data.lens = lens
    camera.matrix_world = Matrix.Translation(location) @ Euler(turn).to_matrix().to_4x4()
    bpy.context.scene.collection.objects.link(camera)
    return camera


def coloured():
    """A material of many colours."""
    material = bpy.data.materials.new("Coloured")
    material.use_nodes = True
    tree = material.node_tree
    cells = tree.nodes.new("ShaderNodeTexVoronoi")
    cells.inputs["Scale"].default_value = 6
    tree.links.new(cells.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


@pytest.fixture
def studio(empty_scene, tmp_path):
    """A block in a room as a .blend, seen by two cameras; a third one took the photo. (file, photo, its true camera)"""
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.ops.mesh.primitive_cube_add(size=9, location=(0, 0, 3.5))
    for thing in empty_scene.objects:
        thing.data.materials.append(coloured())
    bpy.ops.object.light_add(type="POINT", location=(1, -2, 5))
    bpy.context.object.data.energy = 900
    add_camera("Left", (-2.5, -3.8, 2), (1.2, 0, -0.55))
    add_camera("Right", (2, -3.9, 2.5), (1.1, 0, 0.5))
    taker = add_camera("Taker", (0.3, -4, 2.2), (1.15, 0.03, 0.05), lens=26)
    bpy.context.view_layer.update()
    render_map(empty_scene, tmp_path / "taken", replace(MAP, cameras=("Taker",)))
    truth = taker.matrix_world.copy()
    bpy.data.objects.remove(taker)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "studio.blend"))
    return tmp_path / "studio.blend", tmp_path / "taken" / "images" / "00_Taker.png", truth


@pytest.fixture
def knowing(studio, tmp_path, monkeypatch):
    """The verb with a network in place of the model that knows the photo and the map."""
    model = loading.load_model(find_model("small"), "cpu")
    render_map(bpy.context.scene, tmp_path / "known", MAP)
    views = [view for name in ("known", "taken") for view in read_map(tmp_path / name, model).views]
    perfect = perfect_model(map(Shot.of, views))
    monkeypatch.setattr(loading, "load_model", lambda path, device: perfect)


def degrees_between(a, b):
    return math.degrees(a.to_quaternion().rotation_difference(b.to_quaternion()).angle)


@pytest.mark.parametrize("way", ["matches", "relative"])
def test_the_verb_adds_the_camera_that_took_the_photo(studio, knowing, run, tmp_path, way):
    blend, photo, truth = studio
    found, out = tmp_path / "found.blend", tmp_path / "out"
    options = ("--way", way, "--scene", found, "--output", out)
    before = blend.read_bytes()
    code, said, err = run("localize", blend, photo, *options, *spelled(MAP))
    assert code == 0, err
    line = json.loads(said.splitlines()[-1])
    assert line["neighbours"] and line["inliers"] > 0.9 * line["matches"]
    assert blend.read_bytes() == before
    bpy.ops.wm.open_mainfile(filepath=str(found))
    (camera,) = bpy.context.scene.collection.children[MATCHED].objects
    assert degrees_between(camera.matrix_world, truth) < 0.1
    assert (camera.matrix_world.translation - truth.translation).length < 0.02  # of a room 9 wide
    assert camera.data.lens == pytest.approx(26, rel=0.01)
    assert camera.data.background_images[0].image is not None
    assert json.loads(camera[LOCALIZATION])["inliers"] == line["inliers"]
    assert {thing.name for thing in bpy.data.objects} == {"Cube", "Cube.001", "Point", "Left", "Right", camera.name}
    saved = json.loads((out / "cameras.json").read_text())["photos"][photo.name]
    opencv = np.array(camera.matrix_world) @ np.diag([1, -1, -1, 1])  # the file's world is Blender's
    np.testing.assert_allclose(saved["cam2world"], opencv, atol=1e-5)


def test_through_the_found_camera_the_model_covers_the_photo(studio, knowing, run, tmp_path):
    blend, photo, truth = studio
    assert run("localize", blend, photo, "--scene", tmp_path / "found.blend", *spelled(MAP))[0] == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "found.blend"))
    scene = bpy.context.scene
    (camera,) = scene.collection.children[MATCHED].objects
    assert own_photo(scene, camera) == photo  # so that the next photo is compared with this one
    look_through(scene, camera)
    taker = add_camera("Taker", (0, 0, 0), (0, 0, 0), lens=26)
    taker.matrix_world = truth
    size = scene.render.resolution_x, scene.render.resolution_y
    for corner in map(Vector, CORNERS):
        found, true = (np.array(world_to_camera_view(scene, one, corner))[:2] * size for one in (camera, taker))
        assert np.linalg.norm(found - true) < 0.5  # pixels of a photo 128 wide


def test_views_around_the_model_serve_as_well(studio, run, tmp_path):
    blend, photo, _ = studio
    arguments = spelled(replace(MAP, cameras=(), around=("Cube",), views=3))
    code, said, err = run("render-map", blend, "--output", tmp_path / "around", *arguments)
    assert (code, err) == (0, "")
    assert "2 views of studio.blend" in said  # the third would stand under the floor
    code, _, err = run("localize", tmp_path / "around", photo, "--min-inlier-share", 1)
    assert code == 2
    assert "00_Taker.png cannot be placed: only" in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("gone.blend", "PHOTO"), "gone.blend does not exist"),
        (("BLEND", "gone.png"), "gone.png"),
        (("BLEND", "PHOTO", "--map-camera", "Nobody"), "'Nobody'"),
        (("BLEND", "PHOTO", "--map-size", 5), "size must be at least 64"),
        (("TAKEN", "PHOTO", "--scene", "x.blend"), "is no .blend file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(studio, run, tmp_path, monkeypatch, arguments, named):
    blend, photo, _ = studio
    monkeypatch.chdir(tmp_path)
    known = {"BLEND": blend, "PHOTO": photo, "TAKEN": tmp_path / "taken"}
    code, _, err = run("localize", *(known.get(argument, argument) for argument in arguments))
    assert code == 2
    assert named in err
    assert len(err.strip().splitlines()) == 1


def everything():
    kinds = ("scenes", "objects", "cameras", "meshes", "images", "collections", "node_groups")
    return {kind: sorted(one.name for one in getattr(bpy.data, kind)) for kind in kinds}


def test_the_operator_adds_a_camera_or_leaves_the_scene_as_it_was(extension, studio):
    _, photo, _ = studio
    bpy.context.scene.dust3r.model = "small"
    for name in ("Left", "Right"):
        bpy.context.scene.objects[name].select_set(True)
    before = everything()
    settings = {"filepath": str(photo), "map_size": 128, "samples": 8}
    with pytest.raises(RuntimeError, match="cannot be placed: only"):
        bpy.ops.dust3r.match_photo_to_model(**settings, min_inlier_share=1.0)
    assert everything() == before
    assert bpy.ops.dust3r.match_photo_to_model(**settings, min_inlier_share=0.0) == {"FINISHED"}
    (camera,) = bpy.context.scene.collection.children[MATCHED].objects
    assert set(json.loads(camera[LOCALIZATION])["neighbours"]) == {"00_Left.png", "01_Right.png"}
    assert set(everything()["objects"]) - set(before["objects"]) == {camera.name}


def test_without_a_model_or_a_photo_the_operator_says_so(extension, studio):
    bpy.context.scene.dust3r.model = "small"
    with pytest.raises(RuntimeError, match="No photo was given"):
        bpy.ops.dust3r.match_photo_to_model()
    bpy.context.scene.objects["Point"].select_set(True)
    with pytest.raises(RuntimeError, match="'Point' shows no surface"):
        bpy.ops.dust3r.match_photo_to_model(filepath=str(studio[1]))
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    assert not bpy.ops.dust3r.match_photo_to_model.poll()
