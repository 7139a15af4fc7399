"""From the scene into files and back: what is written is what was reconstructed, or what the scene shows."""

import json
import os
import subprocess
import sys

import bpy  # isort: skip  it brings addon_utils
import addon_utils
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.export.exr import save_exr
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.export.settings import FORMATS, ExportSettings
from dust3r.operators.scene import add_reconstruction, points_modifier, set_points_input
from dust3r.operators.scene.interchange import export_gltf, export_usd
from dust3r.operators.scene.reading import find_collection, find_points, read_reconstruction
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, Shot, make_reconstruction
from PIL import Image

from .conftest import ROOT

ALIKE = (Shot("a.png"), Shot("b.png"), Shot("c.png"))


def scene_with(folder, shots=SHOTS):
    result = make_reconstruction(folder, shots)
    return result, add_reconstruction(bpy.context.scene, result)


def blocks():
    kinds = ("objects", "meshes", "cameras", "scenes", "collections", "pointclouds", "images", "materials")
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def test_a_collection_reads_back_as_its_reconstruction(tmp_path):
    result, collection = scene_with(tmp_path)
    back = read_reconstruction(collection)
    assert (back.model, back.version, back.settings) == (result.model, result.version, result.settings)
    for view, found in zip(result.views, back.views, strict=True):
        assert (found.name, found.path, found.mapping) == (view.name, view.path, view.mapping)
        np.testing.assert_array_equal(found.K, view.K)
        np.testing.assert_array_equal(found.cam2world, view.cam2world)
        np.testing.assert_array_equal(found.mask, view.mask)
        np.testing.assert_allclose(found.depth[view.mask], view.depth[view.mask], rtol=1e-6)
        np.testing.assert_array_equal(found.confidence[view.mask], view.confidence[view.mask])
        np.testing.assert_array_equal(found.colors[view.mask], view.colors[view.mask])


def test_it_reads_back_from_a_saved_file_at_another_confidence(tmp_path):
    result, collection = scene_with(tmp_path, SHOTS[:2])
    set_points_input(points_modifier(find_points(collection)), "Minimum Confidence", 3.0)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    back = read_reconstruction(bpy.data.collections["DUSt3R"])
    assert len(back.visible_points().position) == len(result.point_cloud(3.0).position)


def test_files_from_the_scene_are_those_from_the_result(tmp_path):
    result, collection = scene_with(tmp_path, SHOTS[:3])
    for name, source in (("scene", read_reconstruction(collection)), ("result", result)):
        export_reconstruction(source, tmp_path / name, "colmap")
        export_reconstruction(source, tmp_path / f"{name}-exr", "exr")
    for file in ("cameras.bin", "images.bin"):
        assert len({(tmp_path / name / "sparse" / "0" / file).read_bytes() for name in ("scene", "result")}) == 1
    assert len({(tmp_path / f"{name}-exr" / "cameras.json").read_bytes() for name in ("scene", "result")}) == 1


def test_what_is_no_reconstruction_is_refused(tmp_path):
    _, collection = scene_with(tmp_path, SHOTS[:1])
    with pytest.raises(InputError, match="'Mine' is not a whole"):
        read_reconstruction(bpy.data.collections.new("Mine"))
    recipe = json.loads(collection["dust3r_recipe"])
    del recipe["views"]
    collection["dust3r_recipe"] = json.dumps(recipe)
    with pytest.raises(InputError, match="older version"):
        read_reconstruction(collection)


def test_the_active_objects_reconstruction_is_meant_else_the_latest(tmp_path):
    assert find_collection(bpy.context) is None
    _, first = scene_with(tmp_path, ALIKE[:1])
    _, second = scene_with(tmp_path, ALIKE[1:])
    bpy.context.view_layer.objects.active = None
    assert find_collection(bpy.context) == second
    bpy.context.view_layer.objects.active = bpy.data.objects["a.png"]
    assert find_collection(bpy.context) == first


def test_blender_reads_the_depth_that_was_written(tmp_path):
    depth = np.array([[0.25, 3.0, 1e-3], [7.5, 0.0, 1e4]], np.float32)
    save_exr(tmp_path / "depth.exr", depth)
    image = bpy.data.images.load(str(tmp_path / "depth.exr"))
    assert tuple(image.size) == (3, 2) and image.is_float
    image.colorspace_settings.name = "Non-Color"
    pixels = np.array(image.pixels[:]).reshape(2, 3, image.channels)[::-1]
    np.testing.assert_array_equal(pixels[..., 0], depth)


def _poses(names):
    return {name: np.array(bpy.data.objects[name].matrix_world) for name in names}


def _positions(data):
    values = np.empty(len(data.attributes["position"].data) * 3, np.float32)
    data.attributes["position"].data.foreach_get("vector", values)
    return values.reshape(-1, 3)


def _colors(data, name):
    values = np.empty(len(data.attributes[name].data) * 4, np.float32)
    data.attributes[name].data.foreach_get("color_srgb", values)
    return values.reshape(-1, 4)[:, :3]


def test_gltf_brings_cameras_and_visible_points_back(tmp_path):
    result, collection = scene_with(tmp_path, ALIKE)
    before, state = _poses([shot.name for shot in ALIKE]), blocks()
    lenses = {camera.name: camera.lens for camera in bpy.data.cameras}
    export_gltf(collection, tmp_path / "out" / "room.glb")
    assert blocks() == state
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y = ALIKE[0].size
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "out" / "room.glb"))
    for name, pose in before.items():
        np.testing.assert_allclose(bpy.data.objects[name].matrix_world, pose, atol=1e-5)
        assert bpy.data.objects[name].data.lens == pytest.approx(lenses[name], rel=1e-5)
    cloud, expected = bpy.data.objects["Points"], result.visible_points()
    positions = np.array([cloud.matrix_world @ vertex.co for vertex in cloud.data.vertices])
    np.testing.assert_allclose(positions, expected.position[:, [0, 2, 1]] * (1, 1, -1), atol=1e-5)
    if bpy.app.version < (4, 3):
        return  # its importer leaves out the colours of loose vertices
    np.testing.assert_allclose(_colors(cloud.data, "Color"), expected.color / 255, atol=1e-3)


@pytest.mark.usd
def test_usd_brings_cameras_and_visible_points_back(tmp_path):
    result, collection = scene_with(tmp_path, ALIKE)
    before, state = _poses([shot.name for shot in ALIKE]), blocks()
    export_usd(collection, tmp_path / "out" / "room.usdc")
    assert blocks() == state
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.usd_import(filepath=str(tmp_path / "out" / "room.usdc"))
    for name, pose in before.items():
        camera = bpy.data.objects[name.replace(".", "_")]
        np.testing.assert_allclose(camera.matrix_world, pose, atol=1e-5)
        assert camera.data.sensor_width / camera.data.lens == pytest.approx(96 / 80, rel=1e-5)
    (cloud,) = bpy.data.meshes if bpy.app.version < (4, 3) else bpy.data.pointclouds
    expected = result.visible_points()
    np.testing.assert_allclose(_positions(cloud), expected.position[:, [0, 2, 1]] * (1, 1, -1), atol=1e-5)


@pytest.mark.parametrize(
    ("export", "name"), [(export_gltf, "a.glb"), pytest.param(export_usd, "a.usdc", marks=pytest.mark.usd)]
)
def test_a_scene_file_is_not_overwritten_and_comes_whole_or_not_at_all(tmp_path, export, name):
    _, collection = scene_with(tmp_path, ALIKE[:1])
    (tmp_path / name).write_bytes(b"yesterday's")
    (tmp_path / "file").write_bytes(b"")
    state = blocks()
    for path in (tmp_path / name, tmp_path / "file" / name):
        with pytest.raises(InputError, match=name):
            export(collection, path)
    assert (tmp_path / name).read_bytes() == b"yesterday's"
    assert blocks() == state


def test_the_operator_writes_what_it_is_told_or_what_the_panel_says(extension, tmp_path):
    assert not bpy.ops.dust3r.export.poll()
    (tmp_path / "photos").mkdir()
    scene_with(tmp_path / "photos", SHOTS[:2])
    assert bpy.ops.dust3r.export(format="ply", folder=str(tmp_path / "ply")) == {"FINISHED"}
    assert [path.name for path in (tmp_path / "ply").iterdir()] == ["points.ply"]
    extension.export.format, extension.export.folder = "transforms", str(tmp_path / "nerf")
    extension.export.photos = False
    assert bpy.ops.dust3r.export() == {"FINISHED"}
    assert {path.name for path in (tmp_path / "nerf").iterdir()} == {"transforms.json", "points.ply"}


@pytest.mark.parametrize("name", [*FORMATS, "gltf", pytest.param("usd", marks=pytest.mark.usd)])
def test_the_operator_knows_every_format_and_overwrites_nothing(extension, tmp_path, name):
    (tmp_path / "photos").mkdir()
    scene_with(tmp_path / "photos", SHOTS[:2])
    assert bpy.ops.dust3r.export(format=name, folder=str(tmp_path / "out")) == {"FINISHED"}
    made = {path.name for path in (tmp_path / "out").iterdir()}
    scene_files = {"gltf": {"DUSt3R.glb"}, "usd": {"DUSt3R.usdc"}}
    assert made == scene_files.get(name, set(FORMATS[name].entries if name in FORMATS else ()))
    with pytest.raises(RuntimeError, match="nothing is overwritten"):
        bpy.ops.dust3r.export(format=name, folder=str(tmp_path / "out"))


def test_an_export_without_a_folder_is_one_sentence_and_a_lost_photo_is_left_out(extension, tmp_path):
    scene_with(tmp_path, SHOTS[:2])
    with pytest.raises(RuntimeError, match="No folder was given"):
        bpy.ops.dust3r.export(format="ply")
    (tmp_path / SHOTS[1].name).unlink()
    assert bpy.ops.dust3r.export(format="3dgs", folder=str(tmp_path / "out")) == {"FINISHED"}
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == [SHOTS[0].name]


def test_a_scene_knows_which_photos_it_was_made_of(extension, tmp_path):
    scene_with(tmp_path, SHOTS[:2])
    Image.new("RGB", SHOTS[1].size).save(tmp_path / SHOTS[1].name)
    assert bpy.ops.dust3r.export(format="colmap", folder=str(tmp_path / "out")) == {"FINISHED"}
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == [SHOTS[0].name]


def test_the_panels_defaults_are_cores_and_its_options_exist(extension):
    from dust3r.panels.output import OPTIONS

    export = extension.export
    defaults = ExportSettings()
    assert (export.normals, export.tracks, export.photos) == (defaults.normals, defaults.tracks, defaults.photos)
    assert export.max_points == -1 and defaults.max_points is None
    for name, options in OPTIONS.items():
        export.format = name
        assert all(hasattr(export, option) for option in options)


@pytest.mark.parametrize(
    ("name", "file"), [("gltf", "DUSt3R.glb"), pytest.param("usd", "DUSt3R.usdc", marks=pytest.mark.usd)]
)
def test_the_verb_writes_what_blenders_exporters_write(tmp_path, run, name, file):
    (tmp_path / "photos").mkdir()
    make_reconstruction(tmp_path / "photos", SHOTS[:2]).save(tmp_path / "job" / "result")
    verb = ("export", tmp_path / "job" / "result", "--format", name, "--output", tmp_path / "out")
    code, said, _ = run(*verb, "--max-points", 500, "--min-confidence", 1)
    assert code == 0
    assert said.endswith(f"2 photos -> {tmp_path / 'out'}\n")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [file]
    code, _, complaint = run(*verb)
    assert code == 2
    assert "nothing is overwritten" in complaint


def test_the_verb_gives_gltf_the_points_that_it_is_told_to(tmp_path, run):
    (tmp_path / "photos").mkdir()
    result = make_reconstruction(tmp_path / "photos", ALIKE[:2])
    result.save(tmp_path / "result")
    counts = {}
    for options in ((), ("--min-confidence", 1), ("--min-confidence", 4), ("--max-points", 500)):
        out = tmp_path / "-".join(map(str, ("out", *options)))
        assert run("export", tmp_path / "result", "--format", "gltf", "--output", out, *options)[0] == 0
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        bpy.ops.import_scene.gltf(filepath=str(out / "DUSt3R.glb"))
        assert sum(thing.type == "CAMERA" for thing in bpy.data.objects) == 2
        counts[options] = len(bpy.data.objects["Points"].data.vertices)
    told = [result.point_cloud(c) for c in (result.min_confidence, 1.0, 4.0)]
    assert list(counts.values()) == [*(len(cloud.position) for cloud in told), 500]


@pytest.mark.bpy_module
def test_a_process_that_exported_through_blender_ends_at_once_and_says_no_more(tmp_path, monkeypatch):
    """Blender as a module reported leaks and hung as the interpreter ended."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # Blender's chatter waits in a buffer, as for most users
    (tmp_path / "photos").mkdir()
    make_reconstruction(tmp_path / "photos", ALIKE[:1]).save(tmp_path / "result")
    verb = ["export", tmp_path / "result", "--format", "gltf", "--output", tmp_path / "out"]
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    ended = subprocess.run(
        [sys.executable, ROOT / "headless.py", *verb], capture_output=True, text=True, timeout=120, env=environment
    )
    assert (ended.returncode, ended.stdout) == (0, f"1 photo -> {tmp_path / 'out'}\n")
    assert ended.stderr == ""
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_blender_without_an_exporter_says_so(extension, tmp_path, monkeypatch):
    """Some are built without USD, and glTF's add-on can be switched off."""
    (tmp_path / "photos").mkdir()
    scene_with(tmp_path / "photos", SHOTS[:1])
    addon_utils.disable("io_scene_gltf2")
    try:
        with pytest.raises(RuntimeError, match=r"no exporter of \.glb files"):
            bpy.ops.dust3r.export(format="gltf", folder=str(tmp_path / "out"))
    finally:
        addon_utils.enable("io_scene_gltf2")
    assert not (tmp_path / "out").exists()
