"""Photos fused: on the true surface, open where nobody looked, in bounded memory."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.errors import Cancelled, InputError, ReconstructionError
from dust3r.core.meshing import plan
from dust3r.core.meshing.depth_map import DepthMap
from dust3r.core.meshing.meshes import make_meshes, stages
from dust3r.core.meshing.settings import FEWEST_VOXELS, MeshSettings
from dust3r.core.progress import Timeline
from dust3r.tests.mesh_scenes import FRONT, paint, room, room_distance, sphere, world

PLAIN = MeshSettings(texture=False)


def fused(reconstruction, **more):
    """The one mesh, and the warnings."""
    (mesh,), warnings = make_meshes(reconstruction, replace(PLAIN, **more))
    return mesh, warnings


def edge_faces(mesh):
    """How many edges have one face, two, three, ..."""
    ends = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    return np.bincount(np.unique(ends, axis=0, return_counts=True)[1])[1:]


def test_the_mesh_lies_on_the_sphere_within_a_part_of_a_voxel(tmp_path):
    mesh, warnings = fused(sphere(tmp_path), voxel=0.05)
    off = np.abs(np.linalg.norm(mesh.vertices, axis=1) - 1)
    assert off.max() < 0.5 * 0.05
    assert off.mean() < 0.03 * 0.05
    assert warnings == []


def test_faces_look_outwards_and_no_edge_has_more_than_two(tmp_path):
    mesh, _ = fused(sphere(tmp_path), voxel=0.05)
    normals = mesh.normals() / np.linalg.norm(mesh.normals(), axis=1, keepdims=True)
    outwards = (normals * mesh.vertices[mesh.faces].mean(axis=1)).sum(axis=1)
    assert np.quantile(outwards, 0.01) > 0.5
    assert outwards.min() > -0.05  # at the rim, which every photo sees at a grazing angle
    assert len(edge_faces(mesh)) == 2
    assert len(np.unique(mesh.vertices, axis=0)) == len(mesh.vertices)  # blocks are sewn together


def test_the_side_that_nobody_saw_stays_open(tmp_path):
    whole = sphere(tmp_path)
    mesh, _ = fused(whole, voxel=0.05)
    eyes = np.array(FRONT, float)
    to_eyes = eyes[:, None] - mesh.vertices
    facing = (mesh.vertices * to_eyes).sum(axis=-1).max(axis=0)  # above 0: on the near side of some photo
    assert facing.min() > -0.1
    assert edge_faces(mesh)[0] > 50


def test_the_back_of_a_thin_wall_is_not_made_up(tmp_path):
    """One photo sees the ball, another looks past it into what is behind: that it is free there is no surface."""
    ball, far = sphere(tmp_path, FRONT[:1]), room(tmp_path, 1)
    mesh, _ = fused(world((*ball.views, *far.views)), voxel=0.06)
    near = np.linalg.norm(mesh.vertices, axis=1) < 1.5
    assert mesh.vertices[near, 2].max() < 0.2


def test_the_room_is_all_there_and_its_colours_are_the_photos(tmp_path):
    mesh, _ = fused(room(tmp_path, 5), voxel=0.08)
    assert np.quantile(room_distance(mesh.vertices), 0.95) < 0.1 * 0.08
    assert room_distance(mesh.vertices).max() < 0.08  # corners are rounded
    off = np.abs(mesh.colors.astype(int) - paint(mesh.vertices).astype(int))
    assert np.median(off) <= 3
    assert np.quantile(off, 0.99) < 25
    spread = mesh.vertices.max(axis=0) - mesh.vertices.min(axis=0)
    assert spread[0] > 3 and mesh.vertices[:, 2].max() > 1.99


def test_a_surer_photo_counts_for_more(tmp_path):
    first, second, _ = sphere(tmp_path).views
    moved = replace(second, cam2world=first.cam2world, depth=first.depth + 0.04, K=first.K, mask=first.mask)
    mesh, _ = fused(world((replace(first, confidence=first.confidence * 30), moved)), voxel=0.05)
    assert np.median(np.abs(np.linalg.norm(mesh.vertices, axis=1) - 1)) < 0.02


def test_the_voxel_follows_the_points_and_the_photos_disagreement(tmp_path):
    whole = room(tmp_path)
    spacing = plan.typical_voxel(whole, 1.5)
    median = np.median(np.concatenate([view.depth.ravel() for view in whole.views]))
    assert spacing == pytest.approx(2 * median * 3 / whole.views[0].K[0, 0], rel=0.1)
    off = replace(whole.views[0], depth=whole.views[0].depth + np.float32(0.15))
    disagreeing = world((off, *whole.views[1:]))
    assert plan.disagreement(whole.views, 1.5) < 0.01
    assert plan.typical_voxel(disagreeing, 1.5) > spacing


def test_a_voxel_that_is_not_given_grows_until_memory_is_bounded_and_says_so(tmp_path):
    whole = room(tmp_path)
    said: list[str] = []
    maps = [DepthMap.of(view, 1.5, PLAIN.max_slope) for view in whole.views]
    volume = plan.plan_volume(whole, maps, replace(PLAIN, max_voxels=4_000), 1.5, said.append)
    assert volume is not None and len(volume.cells) * plan.TRUNCATION**3 <= 4_000
    assert f"voxels of {volume.voxel:.3g}" in said[0] and "4,000" in said[0]
    with pytest.raises(InputError, match=r"voxels of 0\.02 would be more than 4,000; give"):
        fused(whole, voxel=0.02, max_voxels=4_000)
    with pytest.raises(InputError, match=r"far finer than the points.*; give"):
        fused(whole, voxel=0.001)


def test_the_fewest_voxels_that_can_be_asked_for_are_reached_and_fewer_refused(tmp_path):
    whole = room(tmp_path)
    maps = [DepthMap.of(view, 1.5, PLAIN.max_slope) for view in whole.views]
    least = replace(PLAIN, max_voxels=FEWEST_VOXELS)
    volume = plan.plan_volume(whole, maps, least, 1.5, lambda text: None)
    assert volume is not None and len(volume.cells) * plan.TRUNCATION**3 == FEWEST_VOXELS
    with pytest.raises(InputError, match=f"max_voxels must be at least {FEWEST_VOXELS}, got 1727"):
        replace(PLAIN, max_voxels=FEWEST_VOXELS - 1)


def test_memory_is_that_of_one_block_however_large_the_scene(tmp_path, monkeypatch):
    """What is held of the volume at a time: the largest array that is made of voxels."""
    from dust3r.core.meshing import fuse

    sizes, work = [], fuse.fuse_block

    def watched(*arguments):
        block = work(*arguments)
        sizes.append(block.distance.nbytes)
        return block

    monkeypatch.setattr(fuse, "fuse_block", watched)
    fused(room(tmp_path), voxel=0.03)
    assert len(sizes) > 10
    assert max(sizes) == 4 * (plan.BLOCK * plan.TRUNCATION + 1) ** 3


def test_a_far_outlier_does_no_harm(tmp_path):
    view = sphere(tmp_path).views[0]
    depth = view.depth.copy()
    depth[36, 48] = 1e5
    mesh, _ = fused(world((replace(view, depth=depth),)), voxel=0.05)
    assert np.linalg.norm(mesh.vertices, axis=1).max() < 1.1


def test_small_islands_are_left_out(tmp_path):
    view = sphere(tmp_path).views[0]
    mask = view.mask.copy()
    mask[30:42] = False
    mask[34:38, 46:50] = True
    parts = world((replace(view, mask=mask),))
    many, _ = fused(parts, voxel=0.04, min_island=0)
    few, _ = fused(parts, voxel=0.04, min_island=100)
    assert 0 < len(many.faces) - len(few.faces) < 100


def test_photos_of_different_worlds_give_meshes_of_their_own(tmp_path):
    first, second, third = sphere(tmp_path).views
    meshes, _ = make_meshes(world((first, replace(second, component=1), third)), replace(PLAIN, voxel=0.06))
    assert [mesh.name for mesh in meshes] == ["Fused", "Fused 2"]


def test_the_same_photos_give_the_same_mesh(tmp_path):
    whole = sphere(tmp_path)
    one, other = fused(whole, voxel=0.07)[0], fused(whole, voxel=0.07)[0]
    np.testing.assert_array_equal(one.vertices, other.vertices)
    np.testing.assert_array_equal(one.faces, other.faces)


def test_progress_never_falls_and_a_cancel_ends_it(tmp_path):
    whole, shares = sphere(tmp_path), []
    settings = MeshSettings(voxel=0.06)
    make_meshes(whole, settings, Timeline(stages(settings), lambda progress: shares.append(progress.share)))
    assert shares == sorted(shares) and shares[-1] == 1

    def cancel(stage, done, total):
        if done > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        make_meshes(whole, settings, cancel)


def test_no_sure_point_or_no_library_is_one_sentence(tmp_path, monkeypatch):
    whole = sphere(tmp_path)
    with pytest.raises(InputError, match="minimum confidence of 50"):
        fused(whole, min_confidence=50)
    monkeypatch.setitem(__import__("sys").modules, "skimage.measure", None)
    with pytest.raises(ReconstructionError, match="scikit-image"):
        fused(whole, voxel=0.1)
