"""Exported files in detail: headers, meshes, cubes and choices of points, against values worked out by hand."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.export.exr import save_exr
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.export.photos import export_names
from dust3r.core.export.ply import save_mesh_ply
from dust3r.core.export.selection import choose, split_worlds, thinned
from dust3r.core.export.sparse_model import quaternion, sparse_model
from dust3r.core.export.tracks import DEPTH_TOLERANCE, track_roots
from dust3r.core.export.transforms import save_transforms
from dust3r.core.geometry.camera import project
from dust3r.core.geometry.rotation import rotation_from_vector
from dust3r.core.io.atomic import file_digest
from dust3r.core.reconstruction.result import PointCloud
from PIL import Image

from ...blender.synthetic_reconstruction import Shot, make_reconstruction, upright_photo


def exr_attributes(content):
    """The header's attributes by name: (type, bytes)."""
    at, found = 8, {}
    while content[at]:
        name, kind, _ = content[at:].split(b"\0", 2)
        at += len(name) + len(kind) + 2
        (size,) = struct.unpack_from("<i", content, at)
        found[name.decode()] = kind.decode(), content[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def test_an_exr_says_that_its_pixels_are_square_and_fill_its_window(tmp_path):
    save_exr(tmp_path / "a.exr", np.zeros((3, 5)))
    found = exr_attributes((tmp_path / "a.exr").read_bytes())
    window = struct.pack("<4i", 0, 0, 4, 2)
    assert found["dataWindow"] == found["displayWindow"] == ("box2i", window)
    assert found["pixelAspectRatio"] == found["screenWindowWidth"] == ("float", struct.pack("<f", 1.0))
    assert found["screenWindowCenter"] == ("v2f", struct.pack("<2f", 0.0, 0.0))
    assert found["compression"] == ("compression", b"\0")
    assert found["lineOrder"] == ("lineOrder", b"\0")
    assert found["channels"] == ("chlist", b"Y\0" + struct.pack("<i4B2i", 2, 0, 0, 0, 0, 1, 1) + b"\0")


def test_a_mesh_in_ply_holds_its_vertices_and_its_triangles(tmp_path):
    position = np.array([[0.5, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11.25]])
    color = np.arange(12, dtype=np.uint8).reshape(4, 3)
    save_mesh_ply(tmp_path / "a.ply", position, color, np.array([[0, 1, 2], [3, 2, 1]]))
    head, body = (tmp_path / "a.ply").read_bytes().split(b"end_header\n")
    axes = [f"property float {axis}" for axis in "xyz"]
    colors = [f"property uchar {name}" for name in ("red", "green", "blue")]
    assert head.decode().split("\n") == [
        *("ply", "format binary_little_endian 1.0", "element vertex 4", *axes, *colors),
        *("element face 2", "property list uchar int vertex_indices", ""),
    ]
    assert [struct.unpack_from("<3f3B", body, 15 * k) for k in range(4)] == [
        (*place, *shade) for place, shade in zip(position.tolist(), color.tolist(), strict=True)
    ]
    assert body[60:] == struct.pack("<B3iB3i", 3, 0, 1, 2, 3, 3, 2, 1)


def content_of(result, points, folder):
    cloud = PointCloud(points, np.zeros((len(points), 3), np.uint8), np.ones(len(points)), np.zeros(len(points)))
    save_transforms(folder / "t.json", result, [view.name for view in result.views], cloud)
    return json.loads((folder / "t.json").read_text())


def posed_at(result, *centres):
    views = []
    for view, centre in zip(result.views, centres, strict=True):
        pose = view.cam2world.copy()
        pose[:3, 3] = centre
        views.append(replace(view, cam2world=pose))
    return replace(result, views=tuple(views))


def test_the_unit_cube_is_filled_by_the_longest_side_and_centred_on_all(tmp_path):
    result = posed_at(make_reconstruction(tmp_path, (Shot("a.png"), Shot("b.png"))), (0, -1, 2), (2, 1, 3))
    content = content_of(result, np.zeros((0, 3), np.float32), tmp_path)
    assert content["scale"] == pytest.approx(1 / 2)
    assert content["offset"] == pytest.approx([0, 0.5, 0.5 - 2.5 / 2])
    assert content["aabb_scale"] == 1
    inner = np.random.default_rng(0).uniform([0, -1, 2], [2, 1, 3], (400, 3))
    for far, aabb in ((1.4, 2), (2.6, 4), (7.4, 8), (1e6, 128)):  # lengths from the middle, in whole cubes' halves
        points = np.concatenate([inner, [[1 + far, 0, 2.5]]]).astype(np.float32)
        assert content_of(result, points, tmp_path)["aabb_scale"] == aabb


def test_points_beside_the_cameras_widen_the_cube_but_for_one_in_fifty(tmp_path):
    result = posed_at(make_reconstruction(tmp_path, (Shot("a.png"), Shot("b.png"))), (0, 0, 0), (1, 0, 0))
    row = np.stack([np.linspace(0, 100, 101), np.zeros(101), np.zeros(101)], axis=-1).astype(np.float32)
    content = content_of(result, row, tmp_path)
    assert content["scale"] == pytest.approx(1 / 98)  # from the camera at 0 to the 98th percentile
    assert content["offset"] == pytest.approx([0, 0.5, 0.5])


def test_a_choice_of_points_is_as_large_as_wanted_and_no_other_every_time():
    for most, count in ((None, 7), (0, 0), (3, 3), (6, 6), (7, 7), (9, 7)):
        assert choose(7, most).sum() == count
    assert (choose(1000, 300) == choose(1000, 300)).all()
    halves = choose(1000, 300).reshape(2, 500).sum(1)
    assert halves.min() > 110


def test_thinning_keeps_points_of_every_photo_and_none_that_was_not_kept(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.png"), Shot("b.png", size=(64, 64)), Shot("c.png")))
    few = thinned(result, 3.0, 600)
    assert sum(int(view.mask.sum()) for view in few.views) == 600
    for view, whole in zip(few.views, result.views, strict=True):
        assert view.mask.sum() > 50
        assert not (view.mask & ~whole.kept(3.0)).any()
    assert all(
        (view.mask == whole.kept(3.0)).all()
        for view, whole in zip(thinned(result, 3.0, None).views, result.views, strict=True)
    )


def test_worlds_come_with_most_photos_first_and_in_their_order_where_they_have_as_many(tmp_path):
    result = make_reconstruction(tmp_path, tuple(Shot(f"{k}.png", size=(16, 16)) for k in range(5)))
    views = [replace(view, component=c) for view, c in zip(result.views, (2, 1, 0, 2, 1), strict=True)]
    worlds = split_worlds(replace(result, views=tuple(views)))
    assert [[view.name for view in world.views] for world in worlds] == [
        ["1.png", "4.png"],
        ["0.png", "3.png"],
        ["2.png"],
    ]


@pytest.mark.parametrize("vector", [(0, 0, 0), (0.3, -0.2, 1.1), (0, 3.1, 0), (-2.5, 1.5, 0.4), (np.pi, 0, 0)])
def test_a_quaternion_is_of_length_1_and_its_real_part_first_and_not_negative(vector):
    R = rotation_from_vector(np.array(vector, float))
    w, *v = quaternion(R)
    assert w >= 0
    assert w**2 + np.dot(v, v) == pytest.approx(1)
    for axis in np.eye(3):  # v' = v + 2 q x (q x v + w v)
        assert axis + 2 * np.cross(v, np.cross(v, axis) + w * axis) == pytest.approx(R @ axis, abs=1e-12)


def walls(tmp_path, second, distance=0.25):
    """Two photos of a wall at depth 2, the second's depth times a factor; ten pixels apart."""
    result = make_reconstruction(tmp_path, (Shot("a.png", flat=True), Shot("b.png", flat=True)))
    views = []
    for k, view in enumerate(result.views):
        pose = np.eye(4)
        pose[0, 3] = distance * k
        depth = view.depth * np.float32(second if k else 1)
        views.append(replace(view, cam2world=pose, mask=np.ones_like(view.mask), depth=depth))
    return replace(result, views=tuple(views))


@pytest.mark.parametrize(("second", "joined"), [(1 - 0.9 * DEPTH_TOLERANCE, True), (1 - 1.2 * DEPTH_TOLERANCE, False)])
def test_depths_within_the_tolerance_are_of_one_point(tmp_path, second, joined):
    result = walls(tmp_path, second)
    roots = track_roots(result, 1.0)
    assert bool((roots[96 * 64 :] < 96 * 64).any()) is joined


def test_points_of_two_photos_are_one_where_each_falls_on_the_others_pixel(tmp_path):
    result = walls(tmp_path, 1)
    roots = track_roots(result, 1.0).reshape(2, 64, 96)
    number = np.arange(2 * 64 * 96).reshape(2, 64, 96)
    assert (roots[0] == number[0]).all()
    assert (roots[1, :, :86] == number[0, :, 10:]).all()  # ten columns further left
    assert (roots[1, :, 86:] == number[1, :, 86:]).all()


def test_unsure_and_masked_points_are_in_no_track(tmp_path):
    result = walls(tmp_path, 1)
    result.views[0].mask[:, 50:] = False
    confidence = result.views[0].confidence
    confidence[:], result.views[1].confidence[:] = 3, 3
    confidence[:32] = 1.5
    roots = track_roots(result, 2.0)
    assert len(roots) == 32 * 50 + 64 * 96
    assert (roots[32 * 50 :] < 32 * 50).sum() == 32 * 40


def test_points_project_to_pixels_and_depth_and_to_none_behind_the_camera(tmp_path):
    (view,) = make_reconstruction(tmp_path, (Shot("a.png", focal=(80, 65), principal_point=(40, 30)),)).views
    R, centre = view.cam2world[:3, :3], view.cam2world[:3, 3]
    pixels, depth = project(centre + np.array([[0.5, -0.25, 2], [0, 0, -1], [0, 0, 0]]) @ R.T, view.K, view.cam2world)
    assert pixels[0] == pytest.approx([40 + 80 * 0.25, 30 - 65 * 0.125])
    assert depth == pytest.approx([2, -1, 0], abs=1e-12)
    assert np.isnan(pixels[1]).all()


def test_a_point_lies_at_the_mean_of_its_track_and_errs_by_the_mean_distance_of_its_pixels(tmp_path):
    model = sparse_model(walls(tmp_path, 1.02), ["a.png", "b.png"], 1.0, tracks=True)
    joined = model.points.length == 2
    assert joined.sum() > 1000
    assert model.points.position[joined, 2] == pytest.approx(2 * 1.01, rel=1e-6)
    start = np.cumsum(model.points.length) - model.points.length
    k = int(np.flatnonzero(joined)[0])
    off = []
    for image, keypoint in model.points.track[start[k] : start[k] + 2]:
        centre, pixel = np.array([0.25 * image, 0, 0]), model.images[image].keypoints[keypoint]
        x, y, z = model.points.position[k] - centre
        off.append(np.hypot(80 * x / z + 48 - pixel[0], 80 * y / z + 32 - pixel[1]))
        assert model.images[image].points[keypoint] == k
    assert model.points.error[k] == pytest.approx(np.mean(off))


def test_of_a_point_in_a_track_the_first_photos_colour_is_written(tmp_path):
    result = walls(tmp_path, 1)
    result.views[0].colors[:], result.views[1].colors[:] = 10, 200
    model = sparse_model(result, ["a.png", "b.png"], 1.0, tracks=True)
    assert (model.points.color[model.points.length == 2] == 10).all()
    assert (model.points.color == 10).all(1).sum() == 96 * 64


def test_names_of_photos_lose_blanks_and_ways_out_and_stay_apart(tmp_path):
    views = make_reconstruction(tmp_path, tuple(Shot(f"{k}.png", size=(16, 16)) for k in range(4))).views
    turned = replace(views[3].mapping, exif_orientation=6)
    named = [
        replace(view, name=name)
        for view, name in zip(views, ("a b.jpg", "a_b.jpg", "..\\x/./c.png", "d.tif"), strict=True)
    ]
    assert export_names([*named[:3], replace(named[3], mapping=turned)]) == [
        "a_b.jpg",
        "a_b_.jpg",
        "x/c.png",
        "d.tif.png",
    ]
    assert export_names([named[3]]) == ["d.tif"]
    assert export_names([replace(named[0], mapping=turned)]) == ["a_b.jpg"]


def test_a_turned_photo_that_is_transparent_is_written_upright_and_stays_so(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.png", size=(60, 90), orientation=6),))
    alpha = np.arange(60 * 90).reshape(60, 90).astype(np.uint8)  # as it is stored: upright, turned left
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(tmp_path / "a.png") as stored:
        picture = stored.convert("RGB")
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "a.png", exif=exif)
    view = replace(result.views[0], sha256=file_digest(tmp_path / "a.png"))
    export_reconstruction(replace(result, views=(view,)), tmp_path / "out", "colmap")
    with Image.open(tmp_path / "out" / "images" / "a.png") as written:
        assert written.getexif().get(0x0112, 1) == 1
        assert (np.asarray(written)[..., 3] == np.rot90(alpha, -1)).all()
        assert (np.asarray(written)[..., :3] == upright_photo((60, 90))).all()


def test_a_jpeg_that_is_written_anew_keeps_the_colour_of_every_pixel(tmp_path):
    result = make_reconstruction(tmp_path, (Shot("a.jpg", size=(60, 90), orientation=6),))
    export_reconstruction(result, tmp_path / "out", "colmap")
    with Image.open(tmp_path / "out" / "images" / "a.jpg") as written:
        assert {layer[1:3] for layer in getattr(written, "layer", ())} == {
            (1, 1)
        }  # no component is sampled coarser than others
