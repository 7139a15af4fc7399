"""One photo's mesh: on the surface, cut at its edges, coloured as the photo."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.errors import Cancelled, InputError
from dust3r.core.flaws import FLAWS
from dust3r.core.meshing.grid_mesh import grid_mesh
from dust3r.core.meshing.meshes import make_meshes
from dust3r.core.meshing.settings import MeshSettings
from dust3r.tests.mesh_scenes import FRONT, make_view, paint, room, room_distance, sphere, sphere_depth, world

STEEP = MeshSettings().max_slope


def ball_before_a_wall(directions, eye):
    """The unit sphere, and the plane z = 4 behind it."""
    wall = (4 - eye[2]) / directions[..., 2]
    return np.where(np.isnan(sphere_depth(directions, eye)), wall, sphere_depth(directions, eye))


def plane_seen_at(degrees):
    """A plane through (0, 0, 0), its normal so many degrees from the z axis."""
    normal = np.array([0, np.sin(np.radians(degrees)), -np.cos(np.radians(degrees))])
    return lambda directions, eye: -(eye @ normal) / (directions @ normal)


def test_vertices_are_the_pixels_points_and_faces_look_at_the_camera(tmp_path):
    view = room(tmp_path).views[0]
    mesh = grid_mesh(view, 1.5, STEEP)
    height, width = view.depth.shape
    assert len(mesh.vertices) == height * width
    assert len(mesh.faces) == 2 * (height - 1) * (width - 1)
    np.testing.assert_allclose(room_distance(mesh.vertices), 0, atol=1e-5)
    to_face = mesh.vertices[mesh.faces[:, 0]] - view.cam2world[:3, 3]
    assert ((mesh.normals() * to_face).sum(axis=1) < 0).all()


def test_no_face_spans_from_the_ball_to_the_wall_behind_it(tmp_path):
    mesh = grid_mesh(make_view(tmp_path, "a.png", FRONT[0], ball_before_a_wall), 1.5, STEEP)
    on_ball = mesh.vertices[:, 2] < 2
    of_faces = on_ball[mesh.faces].sum(axis=1)
    assert set(np.unique(of_faces)) == {0, 3}
    assert (of_faces == 3).sum() > 1000


@pytest.mark.parametrize("degrees", [0, 60, 75])
def test_a_plane_stays_whole_however_it_slants(tmp_path, degrees):
    view = make_view(tmp_path, "a.png", (0, 0, -3), plane_seen_at(degrees))
    rows = ((view.depth > 0) & (view.depth < 20)).all(axis=1)  # short of the horizon
    mesh = grid_mesh(replace(view, mask=rows[:, None] & view.mask), 1.5, 89.5)
    assert len(mesh.faces) == 2 * (np.count_nonzero(rows) - 1) * (view.mask.shape[1] - 1)


def test_a_step_that_is_small_but_sudden_is_cut(tmp_path):
    """Ten pixels' widths on a wall seen head-on: the slope is 84 degrees, below the limit."""
    view = make_view(tmp_path, "a.png", (0, 0, -3), plane_seen_at(0))
    depth = view.depth.copy()
    depth[:, 48:] += 10 * 3 * view.mapping.scale[0] / view.K[0, 0]
    mesh = grid_mesh(replace(view, depth=depth), 1.5, STEEP)
    right = mesh.vertices[:, 2] > 1e-3
    assert set(np.unique(right[mesh.faces].sum(axis=1))) == {0, 3}


def test_masked_unsure_and_lone_pixels_have_no_vertex(tmp_path):
    view = room(tmp_path).views[0]
    mask, confidence = view.mask.copy(), view.confidence.copy()
    mask[:10], confidence[20:] = False, 1.2
    mask[5, 5] = True
    mesh = grid_mesh(replace(view, mask=mask, confidence=confidence), 1.5, STEEP)
    assert len(mesh.vertices) == 10 * view.depth.shape[1]


def test_the_photo_lies_on_the_mesh(tmp_path):
    view = room(tmp_path).views[1]
    mesh = grid_mesh(view, 1.5, STEEP)
    assert mesh.photo is not None and mesh.uv is not None
    width, height = view.mapping.photo_size
    pixels = np.stack([mesh.uv[..., 0] * width, (1 - mesh.uv[..., 1]) * height], axis=-1)
    in_camera = (mesh.vertices[mesh.faces] - view.cam2world[:3, 3]) @ view.cam2world[:3, :3]
    projected = in_camera[..., :2] / in_camera[..., 2:] * view.K[0, 0] + view.K[:2, 2]
    np.testing.assert_allclose(pixels, projected, atol=1e-2)
    np.testing.assert_allclose(mesh.colors.astype(int), paint(mesh.vertices).astype(int), atol=2)


def test_every_photo_gets_a_mesh_or_a_warning(tmp_path):
    whole = sphere(tmp_path)
    empty = replace(whole.views[1], mask=np.zeros_like(whole.views[1].mask))
    meshes, warnings = make_meshes(world((whole.views[0], empty)), MeshSettings(kind="grid"))
    assert [mesh.name for mesh in meshes] == ["sphere_0.png"]
    assert len(warnings) == 1 and "sphere_1.png" in warnings[0]
    with pytest.raises(InputError, match="minimum confidence of 9"):
        make_meshes(whole, MeshSettings(kind="grid", min_confidence=9))


def test_grid_meshes_can_be_cancelled(tmp_path):
    def cancel(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        make_meshes(room(tmp_path), MeshSettings(kind="grid"), cancel)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "cube"}, {"max_slope": 90}, {"voxel": 0.0}, {"voxel": np.inf}, {"min_island": -1}, {"texture_size": 1}],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        MeshSettings(**wrong)


def test_points_hidden_for_a_flaw_are_no_surface(tmp_path):
    whole = room(tmp_path, 1)
    flaws = np.zeros(whole.views[0].depth.shape, np.uint8)
    flaws[:, :48] = 255
    flawed = replace(whole, views=(replace(whole.views[0], flaws=flaws),)).with_settings(hide=tuple(FLAWS))
    (mesh,), _ = make_meshes(flawed, MeshSettings(kind="grid"))
    assert len(mesh.vertices) == flaws.size / 2
