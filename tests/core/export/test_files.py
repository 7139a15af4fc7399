"""Points, pictures of depth and transforms.json: what other programs read is what the reconstruction says."""

import json
import os
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dust3r.cli.main import main
from dust3r.core.errors import InputError
from dust3r.core.export.exr import save_exr
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.export.normals import grid_normals
from dust3r.core.export.settings import FORMATS, SCENE_FORMATS, ExportSettings
from dust3r.core.images.lens_distortion import open_straight
from dust3r.core.io.atomic import file_digest
from dust3r.core.meshing.files import save_meshes
from dust3r.core.meshing.meshes import make_meshes
from dust3r.core.meshing.settings import MeshSettings
from PIL import Image

from ...blender.synthetic_reconstruction import SHOTS, Shot, make_reconstruction, upright_photo
from ..export_scene import read_ply

ALL = ExportSettings(min_confidence=1.0, max_points=0)
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


@pytest.fixture
def result(tmp_path):
    (tmp_path / "photos").mkdir()
    return make_reconstruction(tmp_path / "photos")


def read_exr(path):
    """A strict reader of one part, scan lines, one uncompressed FLOAT channel, after the format's description."""
    data = path.read_bytes()
    assert struct.unpack_from("<ii", data) == (20000630, 2)
    at, attributes = 8, {}
    while data[at]:
        name, kind, rest = data[at:].split(b"\0", 2)
        at += len(name) + len(kind) + 2
        (size,) = struct.unpack_from("<i", data, at)
        attributes[name.decode()] = data[at + 4 : at + 4 + size]
        at += 4 + size
        assert len(rest) > size
    assert attributes["compression"] == attributes["lineOrder"] == b"\0"
    assert attributes["channels"] == b"Y\0" + struct.pack("<iiii", 2, 0, 1, 1) + b"\0"
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    rows, width = [], right - left + 1
    offset = size = 0
    for offset in struct.unpack_from(f"<{bottom - top + 1}Q", data, at + 1):
        y, size = struct.unpack_from("<ii", data, offset)
        assert (y, size) == (top + len(rows), 4 * width)
        rows.append(np.frombuffer(data, "<f4", width, offset + 8))
    assert offset + 8 + size == len(data)
    return np.stack(rows)


def test_an_exr_reads_back_bit_by_bit(tmp_path):
    values = np.array([[0.1, -3e30, np.inf], [1e-40, 0.0, 7.25]], np.float32)
    save_exr(tmp_path / "x.exr", values)
    np.testing.assert_array_equal(read_exr(tmp_path / "x.exr"), values)


def test_depth_maps_and_their_cameras_lead_back_to_every_point(result, tmp_path):
    export_reconstruction(result, tmp_path / "out", "exr")
    cameras = json.loads((tmp_path / "out" / "cameras.json").read_text())["photos"]
    for view, (name, camera) in zip(result.views, cameras.items(), strict=True):
        depth = read_exr(tmp_path / "out" / "depth" / f"{name}.exr")
        confidence = read_exr(tmp_path / "out" / "confidence" / f"{name}.exr")
        np.testing.assert_array_equal(depth, np.where(view.mask, view.depth, 0))
        np.testing.assert_array_equal(confidence, np.where(view.mask, view.confidence, 0))
        assert depth.shape == (camera["height"], camera["width"])
        row, column = np.nonzero(depth)
        rays = np.linalg.solve(camera["K"], np.stack([column + 0.5, row + 0.5, np.ones(len(row))]))
        pose = np.array(camera["cam2world"])
        points = (rays * depth[row, column]).T @ pose[:3, :3].T + pose[:3, 3]
        np.testing.assert_allclose(points, view.world_points()[view.mask], atol=1e-9)


def test_a_ply_holds_the_visible_points(result, tmp_path):
    export_reconstruction(result, tmp_path / "out", "ply")
    ply, cloud = read_ply(tmp_path / "out" / "points.ply"), result.visible_points()
    np.testing.assert_array_equal(np.stack([ply[axis] for axis in "xyz"], axis=-1), cloud.position)
    np.testing.assert_array_equal(np.stack([ply[name] for name in ("red", "green", "blue")], -1), cloud.color)
    np.testing.assert_array_equal(ply["confidence"], cloud.confidence)
    np.testing.assert_array_equal(ply["view"], cloud.view)
    assert "nx" not in ply.dtype.names


def test_normals_of_a_wall_are_the_walls_and_look_at_the_camera(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.png", flat=True), Shot("b.png", flat=True)))
    export_reconstruction(result, tmp_path / "out", "ply", ExportSettings(normals=True))
    ply = read_ply(tmp_path / "out" / "points.ply")
    normals = np.stack([ply[name] for name in ("nx", "ny", "nz")], axis=-1)
    for k, view in enumerate(result.views):
        mine = normals[ply["view"] == k]
        np.testing.assert_allclose(mine, np.broadcast_to(-view.cam2world[:3, 2], mine.shape), atol=1e-5)


def test_normals_beside_an_edge_belong_to_the_pixels_own_surface(tmp_path):
    (view,) = make_reconstruction(tmp_path, (Shot("a.png", flat=True),)).views
    depth = view.depth.copy()
    depth[:, 40:], depth[50:, :30] = 3, np.nan
    normals = grid_normals(replace(view, depth=depth))
    np.testing.assert_allclose(normals[:50], np.broadcast_to(-view.cam2world[:3, 2], normals[:50].shape), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(normals[np.isfinite(depth)], axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize("rough", [0.01, 0.5])
def test_normals_of_any_depths_are_turned_to_the_camera(tmp_path, rough):
    shots = (Shot("tall.png", focal=(80, 65), principal_point=(20.3, 50.0)), Shot("wide.png", focal=(20, 25)))
    for view in make_reconstruction(tmp_path, shots).views:
        random = np.random.default_rng(0)
        depth = np.exp(rough * random.normal(size=view.depth.shape)).astype(np.float32)
        depth[random.random(depth.shape) < 0.1] = np.nan
        seen = replace(view, depth=depth)
        rays = seen.world_points() - view.cam2world[:3, 3]
        known = np.isfinite(depth)
        facing = (grid_normals(seen) * rays).sum(-1) / np.linalg.norm(rays, axis=-1)
        assert (facing[known] < 1e-6).all()
        assert (facing[known] < -0.01).mean() > 0.5


def test_points_are_thinned_evenly_and_the_same_every_time(result, tmp_path):
    for name in ("one", "two"):
        export_reconstruction(result, tmp_path / name, "ply", ExportSettings(max_points=500))
    ply, cloud = read_ply(tmp_path / "one" / "points.ply"), result.visible_points()
    assert len(ply) == 500
    assert {*zip(ply["x"], ply["y"], ply["z"], strict=True)} <= {*map(tuple, cloud.position)}
    assert (tmp_path / "one" / "points.ply").read_bytes() == (tmp_path / "two" / "points.ply").read_bytes()


def test_transforms_project_the_points_onto_their_own_pixels(result, tmp_path):
    export_reconstruction(result, tmp_path / "out", "transforms", ALL)
    content = json.loads((tmp_path / "out" / "transforms.json").read_text())
    ply = read_ply(tmp_path / "out" / content["ply_file_path"])
    points = np.stack([ply[axis] for axis in "xyz"], axis=-1).astype(float)
    for k, (view, frame) in enumerate(zip(result.views, content["frames"], strict=True)):
        x, y, z = np.linalg.solve(np.array(frame["transform_matrix"]), _homogeneous(points[ply["view"] == k]))[:3]
        assert (z < 0).all(), "OpenGL cameras look along -z"
        pixels = np.stack([frame["fl_x"] * x / -z + frame["cx"], frame["fl_y"] * y / z + frame["cy"]], axis=-1)
        np.testing.assert_allclose(pixels, view.mapping.photo_pixels()[view.mask], atol=1e-3)
        with Image.open(tmp_path / "out" / frame["file_path"]) as photo:
            assert photo.size == (frame["w"], frame["h"]) == view.mapping.photo_size


def test_intrinsics_that_all_photos_share_stand_at_the_top_alone(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.png"), Shot("b.png")))
    export_reconstruction(result, tmp_path / "out", "transforms")
    content = json.loads((tmp_path / "out" / "transforms.json").read_text())
    assert (content["w"], content["fl_x"], content["cx"]) == (96, 80, 48)
    assert all(set(frame) == {"file_path", "transform_matrix", "mask_path"} for frame in content["frames"])


def test_the_unit_cube_of_instant_ngp_holds_cameras_and_most_points(result, tmp_path):
    export_reconstruction(result, tmp_path / "out", "transforms", ALL)
    content = json.loads((tmp_path / "out" / "transforms.json").read_text())
    ply = read_ply(tmp_path / "out" / "points.ply")
    centres = np.array([np.array(frame["transform_matrix"])[:3, 3] for frame in content["frames"]])
    in_cube = centres * content["scale"] + content["offset"]
    assert in_cube.min() > -1e-9 and in_cube.max() < 1 + 1e-9
    points = np.stack([ply[axis] for axis in "xyz"], axis=-1) * content["scale"] + content["offset"]
    assert np.mean(np.abs(points - 0.5).max(axis=1) <= 0.5) > 0.85
    assert np.abs(points - 0.5).max() <= content["aabb_scale"] / 2


def test_photos_are_upright_and_untouched_where_they_were_so_already(result, tmp_path):
    export_reconstruction(result, tmp_path / "out", "colmap")
    images = tmp_path / "out" / "images"
    for shot in SHOTS:
        copy = images / shot.name.replace(" ", "_")
        if shot.orientation == 1:
            assert copy.read_bytes() == (tmp_path / "photos" / shot.name).read_bytes()
        with Image.open(copy) as photo:
            assert photo.getexif().get(0x0112, 1) == 1
            off = np.abs(np.asarray(photo).astype(int) - upright_photo(shot.size))
            assert off.max() <= (6 if copy.suffix == ".jpg" else 0)


def test_photos_of_a_lens_that_bends_lines_are_written_without_the_bend(result, tmp_path):
    turned = next(view for view in result.views if view.mapping.exif_orientation == 6)
    views = tuple(replace(view, mapping=replace(view.mapping, distortion=-2e-5)) for view in (result.views[0], turned))
    export_reconstruction(replace(result, views=views), tmp_path / "out", "colmap")
    for view in views:
        with Image.open(tmp_path / "out" / "images" / view.name.replace(" ", "_")) as copy:
            straight = open_straight(view.path, view.mapping).image
            assert np.array_equal(np.asarray(copy), np.asarray(straight))
        assert not np.array_equal(np.asarray(straight), upright_photo(view.mapping.photo_size))


def test_photos_of_kinds_that_few_programs_read_become_jpeg(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.png"), Shot("b.png")))
    with Image.open(tmp_path / "a.png") as photo:
        photo.save(tmp_path / "a.avif", quality=100)
    rare = {"name": "a.avif", "path": tmp_path / "a.avif", "sha256": file_digest(tmp_path / "a.avif")}
    views = (replace(result.views[0], **rare), result.views[1])
    export_reconstruction(replace(result, views=views), tmp_path / "out", "colmap-text")
    assert {path.name for path in (tmp_path / "out" / "images").iterdir()} == {"a.avif.jpg", "b.png"}
    assert "1 a.avif.jpg\n" in (tmp_path / "out" / "sparse" / "0" / "images.txt").read_text()


def test_names_that_blanks_alone_told_apart_stay_apart(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a b.png"), Shot("a_b.png"), Shot("a\tb.png")))
    export_reconstruction(result, tmp_path / "out", "colmap")
    names = {path.name for path in (tmp_path / "out" / "images").iterdir()}
    assert names == {"a_b.png", "a_b_.png", "a_b__.png"}


def _another(path: Path, way: str) -> None:
    """Something else in the place of a photo of 60 x 90 pixels."""
    path.unlink()
    if way == "size":
        Image.new("RGB", (60, 40)).save(path)
    elif way == "content":
        Image.new("RGB", (60, 90)).save(path)
    elif way == "secret":
        path.write_text("user:password")
    elif way == "linked secret":
        path.with_name("secret").write_text("user:password")
        path.symlink_to(path.with_name("secret"))
    elif way == "pipe":
        os.mkfifo(path)
    elif way == "folder":
        path.mkdir()


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("way", ["size", "content", "secret", "linked secret", "pipe", "folder", "gone"])
def test_what_is_not_the_photo_that_was_reconstructed_is_left_out_and_named(tmp_path, way, orientation):
    result = make_reconstruction(tmp_path, (Shot("a.jpg", size=(60, 90), orientation=orientation), Shot("b.png")))
    _another(tmp_path / "a.jpg", way)
    (warning,) = export_reconstruction(result, tmp_path / "out", "colmap-text")
    assert warning.startswith(f"Left out the photo a.jpg, not its camera: {tmp_path / 'a.jpg'}")
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == ["b.png"]
    assert " a.jpg\n" in (tmp_path / "out" / "sparse" / "0" / "images.txt").read_text()


def test_a_linked_photo_is_copied_with_its_content(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.jpg"),))
    (tmp_path / "a.jpg").rename(tmp_path / "kept.jpg")
    (tmp_path / "a.jpg").symlink_to(tmp_path / "kept.jpg")
    assert export_reconstruction(result, tmp_path / "out", "colmap") == []
    copy = tmp_path / "out" / "images" / "a.jpg"
    assert not copy.is_symlink() and copy.read_bytes() == (tmp_path / "kept.jpg").read_bytes()


def test_of_results_without_checksums_the_size_is_compared_and_that_is_said(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.png"), Shot("b.png")))
    result = replace(result, views=tuple(replace(view, sha256="") for view in result.views))
    Image.new("RGB", (30, 30)).save(tmp_path / "b.png")
    left_out, compared = export_reconstruction(result, tmp_path / "out", "colmap")
    assert "b.png" in left_out and "size has changed" in left_out
    assert compared.startswith("Of 2 photos only the size was compared")
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == ["a.png"]


def test_an_obj_refuses_a_photo_that_is_another_by_now(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.png"),))
    (tmp_path / "a.png").write_text("user:password")
    meshes, _ = make_meshes(result, MeshSettings(kind="grid"))
    with pytest.raises(InputError, match=r"a\.png"):
        save_meshes(tmp_path / "mesh.obj", meshes)
    assert not (tmp_path / "mesh_photos").exists()


def test_a_reconstruction_without_any_sure_point_still_gives_its_cameras(result, tmp_path):
    nothing = ExportSettings(min_confidence=1e9, tracks=True)
    warnings = [export_reconstruction(result, tmp_path / name, name, nothing) for name in FORMATS]
    assert [name for name, said in zip(FORMATS, warnings, strict=True) if said] == ["3dgs"]
    assert len(json.loads((tmp_path / "transforms" / "transforms.json").read_text())["frames"]) == len(SHOTS)
    assert len(read_ply(tmp_path / "ply" / "points.ply")) == 0


def test_photos_of_other_worlds_are_named_where_a_format_has_room_for_one(result, tmp_path):
    apart = [replace(view, component=int(k in {2, 5})) for k, view in enumerate(result.views)]
    result = replace(result, views=tuple(apart))
    for name in ("3dgs", "transforms"):
        (warning,) = export_reconstruction(result, tmp_path / name, name)
        assert warning.endswith("square.png, tall pixels.png")
    frames = json.loads((tmp_path / "transforms" / "transforms.json").read_text())["frames"]
    assert len(frames) == 7
    assert export_reconstruction(result, tmp_path / "colmap", "colmap") == []
    assert {path.name for path in (tmp_path / "colmap" / "sparse").iterdir()} == {"0", "1"}
    assert export_reconstruction(result, tmp_path / "ply", "ply", ALL) == []
    parts = [len(read_ply(tmp_path / "ply" / name)) for name in ("points.ply", "points_2.ply")]
    assert sum(parts) == len(result.point_cloud().position)


def test_a_name_never_leads_out_of_the_folder(result, tmp_path):
    views = (replace(result.views[0], name="../../évil photo.png"), *result.views[1:])
    export_reconstruction(replace(result, views=views), tmp_path / "a" / "out", "transforms")
    assert (tmp_path / "a" / "out" / "images" / "évil_photo.png").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "a"}


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_overwritten(result, tmp_path, name):
    export_reconstruction(result, tmp_path / "out", name)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="already"):
        export_reconstruction(result, tmp_path / "out", name)
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(FORMATS[name].entries)


def test_without_photos_none_is_looked_at(result, tmp_path):
    (tmp_path / "photos" / "portrait.png").unlink()
    assert export_reconstruction(result, tmp_path / "out", "3dgs", ExportSettings(photos=False)) == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sparse"]


def test_unknown_formats_and_empty_reconstructions_are_refused(result, tmp_path):
    with pytest.raises(InputError, match="choose one of colmap"):
        export_reconstruction(result, tmp_path / "out", "obj")
    with pytest.raises(InputError, match="no photo"):
        export_reconstruction(replace(result, views=()), tmp_path / "out", "ply")


@pytest.mark.parametrize("wrong", [["--format", "obj"], ["--format", "ply", "--max-points", "-1"], []])
def test_arguments_that_make_no_sense_are_refused(tmp_path, wrong, capsys):
    assert main(["export", str(tmp_path), "--output", str(tmp_path / "x"), *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_a_whole_run_exports(tmp_path):
    """From photos, through a job, into the layout that trainers read."""
    root = Path(__file__).resolve().parents[3]
    photos = [str(root / "samples" / "studio" / "images" / f"studio_0{k}.jpg") for k in (1, 2)]
    job = str(tmp_path / "job")
    recipe = ["--model", str(root / "models" / "small"), "--cameras-from", "network", "--job", job, "--quiet"]
    assert main(["reconstruct", *photos, *recipe]) == 0
    assert main(["export", job, "--format", "transforms", "--output", str(tmp_path / "out"), "--quiet"]) == 0
    frames = json.loads((tmp_path / "out" / "transforms.json").read_text())["frames"]
    assert [frame["file_path"] for frame in frames] == ["images/studio_01.jpg", "images/studio_02.jpg"]


@pytest.mark.parametrize("name", SCENE_FORMATS)
def test_formats_of_blender_without_blender_are_refused_in_a_sentence(result, tmp_path, monkeypatch, capsys, name):
    result.save(tmp_path / "result")
    monkeypatch.setitem(sys.modules, "bpy", None)  # importing it fails
    assert main(["export", str(tmp_path / "result"), "--format", name, "--output", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"--format {name}" in said and "blender --command dust3r" in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def _homogeneous(points):
    return np.concatenate([points, np.ones((len(points), 1))], axis=1).T
