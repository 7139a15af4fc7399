"""Textures from photos: the right part of the right photo on every face, seams levelled, borders filled."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.meshing import bake
from dust3r.core.meshing.atlas import lay_out
from dust3r.core.meshing.files import check_output, load_meshes, save_meshes
from dust3r.core.meshing.levelling import level
from dust3r.core.meshing.meshes import make_meshes
from dust3r.core.meshing.patches import adjacent_faces
from dust3r.core.meshing.rasterise import cover, depth_buffer
from dust3r.core.meshing.settings import MeshSettings
from dust3r.tests.mesh_scenes import FRONT, make_view, paint, room, sphere, sphere_depth, world
from PIL import Image

SETTINGS = MeshSettings(voxel=0.06)


def textured(reconstruction, **more):
    (mesh,), warnings = make_meshes(reconstruction, replace(SETTINGS, **more))
    return mesh, warnings


def shown(mesh, weights=(1 / 3, 1 / 3, 1 / 3)):
    """(F, 3): the texture's colour in each face, read between texels as graphics cards do; and the point there."""
    height, width = mesh.texture.shape[:2]
    uv = np.einsum("k,fkc->fc", weights, mesh.uv)
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    left, top = np.clip(np.floor(x), 0, width - 2).astype(int), np.clip(np.floor(y), 0, height - 2).astype(int)
    u, v = (x - left)[:, None], (y - top)[:, None]
    texel = mesh.texture.astype(float)
    upper = (1 - u) * texel[top, left] + u * texel[top, left + 1]
    lower = (1 - u) * texel[top + 1, left] + u * texel[top + 1, left + 1]
    return (1 - v) * upper + v * lower, np.einsum("k,fkc->fc", weights, mesh.vertices[mesh.faces])


def test_every_face_shows_the_true_colour_of_its_place(tmp_path):
    mesh, _ = textured(room(tmp_path, 5))
    for weights in ((1 / 3, 1 / 3, 1 / 3), (0.9, 0.05, 0.05), (0.05, 0.05, 0.9)):
        colors, points = shown(mesh, weights)
        off = np.abs(colors - paint(points)).max(axis=1)
        assert np.median(off) < 3
        assert np.quantile(off, 0.98) < 20


def test_the_texture_is_sharper_than_the_depth_map(tmp_path):
    """Stripes of one depth pixel: lost in the vertices' colours, kept in the texture."""
    whole = sphere(tmp_path, FRONT[:1])
    view = whole.views[0]
    with Image.open(view.path) as image:
        photo = np.array(image)
    photo[:, ::6], photo[:, 1::6], photo[:, 2::6] = 255, 255, 255
    photo[:, 3::6], photo[:, 4::6], photo[:, 5::6] = 0, 0, 0
    Image.fromarray(photo).save(view.path)
    mesh, _ = textured(whole)
    colors, _ = shown(mesh)
    assert ((colors < 60) | (colors > 195)).mean() > 0.6


def test_photos_of_different_exposure_meet_with_a_smaller_step(tmp_path, monkeypatch):
    bright = make_view(tmp_path, "bright.png", FRONT[1], sphere_depth, gain=1.0)
    dark = make_view(tmp_path, "dark.png", FRONT[2], sphere_depth, gain=0.9)
    levelled = _step_at_seams(textured(world((bright, dark)))[0])
    monkeypatch.setattr(bake, "level", lambda colors, *_: np.zeros_like(colors))
    assert levelled < 0.6 * _step_at_seams(textured(world((bright, dark)))[0])


def _step_at_seams(mesh):
    """Mean, between neighbouring faces of different patches, beyond what the painted colours themselves change."""
    colors, points = shown(mesh)
    a, b = adjacent_faces(mesh.faces).T
    steps = np.abs((colors[a] - colors[b]) - (paint(points[a]).astype(float) - paint(points[b]))).max(axis=1)
    centres = mesh.uv.mean(axis=1)
    return steps[np.linalg.norm(centres[a] - centres[b], axis=1) > 0.1].mean()


def test_a_photo_does_not_paint_what_something_else_hides(tmp_path):
    """A grey ball in front of the room: no wall is grey."""
    whole = room(tmp_path, 5)
    view = whole.views[0]
    depth, colors = view.depth.copy(), view.colors.copy()
    depth[20:50, 30:60], colors[20:50, 30:60] = 0.5, 128
    with Image.open(view.path) as image:
        photo = np.array(image)
    photo[60:150, 90:180] = 128
    Image.fromarray(photo).save(view.path)
    mesh, _ = textured(replace(whole, views=(replace(view, depth=depth, colors=colors), *whole.views[1:])))
    colors, points = shown(mesh)
    on_wall = np.abs(np.abs(points).max(axis=1) - 2) < 0.02
    off = np.abs(colors - paint(points)).max(axis=1)[on_wall]
    assert np.quantile(off, 0.97) < 25


def test_a_photo_that_is_gone_is_left_out_with_a_warning(tmp_path):
    whole = sphere(tmp_path)
    whole.views[1].path.unlink()
    mesh, warnings = textured(whole)
    assert mesh.texture is not None
    assert len(warnings) == 1 and "sphere_1.png" in warnings[0]
    for view in whole.views[::2]:
        view.path.unlink()
    mesh, warnings = textured(whole)
    assert mesh.texture is None and len(warnings) == 3


def test_a_texture_of_limited_size_shrinks_its_patches(tmp_path):
    whole = room(tmp_path)
    large, small = textured(whole)[0], textured(whole, texture_size=256)[0]
    assert large.texture is not None and small.texture is not None
    assert max(small.texture.shape) <= 256 < max(large.texture.shape)
    colors, points = shown(small)
    assert np.median(np.abs(colors - paint(points))) < 6
    with pytest.raises(InputError, match="no room for 100 patches"):
        lay_out(np.zeros((100, 2)), np.ones((100, 2)), np.full((100, 2), 9), 0, 16)


def test_patches_lie_in_the_texture_and_do_not_overlap():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 300, (60, 2))
    atlas = lay_out(low, low + rng.uniform(1, 60, (60, 2)), np.full((60, 2), 400), 37, 1024)
    used = np.zeros(atlas.size[::-1], int)
    for (x, y), (width, height) in zip(atlas.places, atlas.sizes, strict=True):
        used[y : y + height, x : x + width] += 1
    for x, y in atlas.cells:
        used[y : y + 4, x : x + 4] += 1
    assert used.max() == 1
    assert used.sum() == np.prod(atlas.sizes, axis=1).sum() + 37 * 16
    assert used.mean() > 0.6


def test_levelling_moves_two_patches_half_way_each():
    colors = np.repeat([[100.0, 50, 20], [120.0, 50, 10]], 3, axis=0)
    edges = np.array([[0, 1], [1, 2], [3, 4], [4, 5]])
    change = level(colors, np.array([0, 1, 2, 2, 1, 0]), edges)
    np.testing.assert_allclose(change[:3], np.tile([10, 0, -5], (3, 1)), atol=0.6)
    np.testing.assert_allclose(change[3:], np.tile([-10, 0, 5], (3, 1)), atol=0.6)


def test_triangles_cover_the_pixels_whose_centres_they_hold():
    triangles = np.array([[[0, 0], [8, 0], [0, 8]], [[8, 0], [8, 8], [0, 8]], [[3, 3], [3, 3], [3, 3]]], float)
    counts = np.zeros((8, 8), int)
    for part in cover(triangles, (8, 8)):
        np.add.at(counts, (part.rows, part.columns), 1)
        at = np.einsum("mk,mkc->mc", part.weights, triangles[part.triangles])
        np.testing.assert_allclose(at, np.stack([part.columns, part.rows], axis=1) + 0.5)
    expected = np.ones((8, 8)) + np.fliplr(np.eye(8))  # a centre on the edge between belongs to both
    np.testing.assert_array_equal(counts, expected)


def test_depth_between_corners_is_that_of_the_plane():
    depth = depth_buffer(np.array([[[0, 0], [10, 0], [0, 10]]], float), np.array([[1.0, 2.0, 1.0]]), (10, 10))
    assert depth[0, 4] == pytest.approx(1 / (0.55 / 1 + 0.45 / 2))
    assert np.isinf(depth[9, 9])


def test_obj_holds_what_other_programs_read(tmp_path):
    mesh, _ = textured(sphere(tmp_path))
    save_meshes(tmp_path / "ball.obj", [mesh])
    lines = [line.split() for line in (tmp_path / "ball.obj").read_text().splitlines()]
    rows = {kind: [line[1:] for line in lines if line[0] == kind] for kind in ("v", "vt", "f", "mtllib")}
    vertices = np.array(rows["v"], float)
    np.testing.assert_allclose(vertices[:, :3] * [1, -1, -1], mesh.vertices, atol=1e-5)
    np.testing.assert_allclose(vertices[:, 3:] * 255, mesh.colors, atol=0.1)
    corners = np.array([[corner.split("/") for corner in face] for face in rows["f"]], int) - 1
    np.testing.assert_array_equal(corners[..., 0], mesh.faces)
    np.testing.assert_allclose(np.array(rows["vt"], float)[corners[..., 1]], mesh.uv, atol=1e-5)
    assert rows["mtllib"] == [["ball.mtl"]] and "map_Kd ball.png" in (tmp_path / "ball.mtl").read_text()
    with Image.open(tmp_path / "ball.png") as image:
        np.testing.assert_array_equal(np.array(image), mesh.texture)


def test_grid_meshes_as_obj_bring_their_photos(tmp_path):
    whole = sphere(tmp_path)
    meshes, _ = make_meshes(whole, MeshSettings(kind="grid"))
    save_meshes(tmp_path / "out" / "grid.obj", meshes)
    photos = tmp_path / "out" / "grid_photos"
    assert {path.name for path in photos.iterdir()} == {view.name for view in whole.views}
    text = (tmp_path / "out" / "grid.obj").read_text()
    assert sum(line.startswith("f ") for line in text.splitlines()) == sum(len(mesh.faces) for mesh in meshes)


def test_arrays_come_back_as_they_were(tmp_path):
    whole = sphere(tmp_path)
    for settings in (SETTINGS, MeshSettings(kind="grid")):
        meshes, _ = make_meshes(whole, settings)
        save_meshes(tmp_path / f"{settings.kind}.npz", meshes)
        for mesh, back in zip(meshes, load_meshes(tmp_path / f"{settings.kind}.npz", whole), strict=True):
            assert (back.name, back.photo) == (mesh.name, mesh.photo)
            for name in ("vertices", "faces", "colors", "uv", "texture"):
                np.testing.assert_array_equal(getattr(back, name), getattr(mesh, name))
    (tmp_path / "broken.npz").write_bytes(b"no arrays")
    with pytest.raises(InputError, match=r"broken\.npz"):
        load_meshes(tmp_path / "broken.npz", whole)


@pytest.mark.parametrize("name", ["a.stl", "a", "there.obj", "b.obj"])
def test_files_that_cannot_be_written_are_refused_before_the_work(tmp_path, name):
    (tmp_path / "there.obj").write_text("")
    (tmp_path / "b.mtl").write_text("")
    with pytest.raises(InputError, match=name.partition(".")[0]):
        check_output(tmp_path / name, (".obj", ".ply"))
