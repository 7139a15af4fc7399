"""Posed RGB-D folders become exact training views."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from dust3r.core.errors import InputError
from dust3r.core.geometry.camera import sample_depth
from dust3r.tests.box_room import HALF, intrinsics, look_at, render, write_scene
from dust3r.training.overlap import Overlaps, grid_intrinsics, on_grid
from dust3r.training.rgbd import FolderSource

STUDIO = Path(__file__).resolve().parents[2] / "samples" / "studio"
SIZE = (64, 48)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("rgbd") / "room", depth="npz")


def _projected(batch, s, v):
    """The pixels (H, W, 2) that K and cam2world give to a view's own points."""
    pose = batch.cam2world[s, v].double()
    local = (batch.points[s, v].double() - pose[:3, 3]) @ pose[:3, :3]
    pixels = local @ batch.K[s, v].double().T
    return pixels[..., :2] / pixels[..., 2:]


def _centres(size):
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    return np.stack([x, y], axis=-1)


def test_points_lie_on_their_own_pixels_rays_and_on_the_walls(room):
    batch = FolderSource(room, 1).batch(0, 2, 4, 6, SIZE)
    assert batch.valid.all()
    for s in range(2):
        for v in range(4):
            np.testing.assert_allclose(_projected(batch, s, v), _centres(SIZE), atol=1e-3)
    farthest = batch.points.abs().amax(-1)
    assert (farthest - HALF).abs().median() < 1e-5
    assert (farthest - HALF).abs().quantile(0.98) < 0.03  # pixels on an edge of the room take their neighbour's depth


def test_colours_are_those_of_the_place_that_the_point_names(room):
    batch = FolderSource(room, 1).batch(0, 2, 4, 6, SIZE)
    expected = (0.5 + 0.45 * torch.sin(3 * batch.points)) * 255
    assert (expected - batch.images.permute(0, 1, 3, 4, 2)).abs().median() < 2


def test_the_same_number_gives_the_same_batch_and_another_another(room):
    one, same = (FolderSource(room, 3).batch(7, 2, 3, 4, SIZE) for _ in range(2))
    for name in ("images", "points", "valid", "cam2world", "K", "pairs"):
        assert torch.equal(getattr(one, name), getattr(same, name))
    for other in (FolderSource(room, 3).batch(8, 2, 3, 4, SIZE), FolderSource(room, 4).batch(7, 2, 3, 4, SIZE)):
        assert not torch.equal(one.K, other.K)


def test_pairs_are_of_different_photos_that_overlap_each_once(room):
    batch = FolderSource(room, 0).batch(0, 1, 4, 12, SIZE)
    pairs = [tuple(pair) for pair in batch.pairs[0].tolist()]
    assert len(set(pairs)) == 12
    assert all(i != j for i, j in pairs)
    unordered = FolderSource(room, 0).batch(0, 1, 4, 6, SIZE, unordered=True).pairs[0].tolist()
    assert len({tuple(sorted(pair)) for pair in unordered}) == 6


def test_a_scene_of_few_photos_repeats_them_with_other_crops(tmp_path):
    batch = FolderSource(write_scene(tmp_path / "two", count=2), 0).batch(0, 1, 5, 3, SIZE)
    poses, crops = batch.cam2world[0].flatten(1), batch.K[0].flatten(1)
    assert len(poses.unique(dim=0)) == 2 and len(crops.unique(dim=0)) == 5
    for i, j in batch.pairs[0]:
        assert not torch.equal(poses[i], poses[j])


def test_a_folder_of_scenes_is_drawn_from_as_a_whole(room, tmp_path):
    shutil.copytree(room, tmp_path / "a")
    shutil.copytree(STUDIO, tmp_path / "b")
    batch = FolderSource(tmp_path, 0).batch(0, 12, 2, 1, SIZE)
    focals = batch.K[:, 0, 0, 0]
    assert batch.images.shape == (12, 2, 3, 48, 64)
    assert batch.images.dtype == torch.uint8 and batch.K.dtype == torch.float32
    assert (focals > 0).all()


def test_real_depth_of_the_studio_agrees_between_its_views():
    batch = FolderSource(STUDIO, 0).batch(0, 1, 4, 4, (128, 96))
    pose, K = batch.cam2world[0], batch.K[0]
    agreeing = []
    for i, j in batch.pairs[0].tolist():
        local = (batch.points[0, i] - pose[j, :3, 3]) @ pose[j, :3, :3]
        pixels = local @ K[j].T
        x, y = (pixels[..., k] / pixels[..., 2] for k in (0, 1))
        inside = (local[..., 2] > 0) & (x >= 0) & (x < 128) & (y >= 0) & (y < 96)
        other = (batch.points[0, j] - pose[j, :3, 3]) @ pose[j, :3, 2]
        ratio = other[y[inside].long(), x[inside].long()] / local[..., 2][inside]
        agreeing.append(((ratio - 1).abs() < 0.03).float().mean())
    assert min(agreeing) > 0.4
    assert torch.stack(agreeing).mean() > 0.6


def test_portrait_views_are_cut_from_landscape_photos(room):
    batch = FolderSource(room, 2).batch(0, 1, 2, 1, (48, 80))
    np.testing.assert_allclose(_projected(batch, 0, 1), _centres((48, 80)), atol=1e-3)


def test_depth_is_linear_on_a_plane_and_never_mixed_across_an_edge():
    x, y = np.meshgrid(np.arange(8) + 0.5, np.arange(6) + 0.5)
    depth = (1 / (0.5 + 0.001 * x + 0.002 * y)).astype(np.float32)
    assert sample_depth(depth, np.array([3.2, 2.9])) == pytest.approx(1 / (0.5 + 0.001 * 3.2 + 0.002 * 2.9))
    depth[:, 4:] = 9
    assert sample_depth(depth, np.array([4.1, 2.5])) == 9
    depth[2, 1] = 0
    assert np.isnan(sample_depth(depth, np.array([1.5, 2.5])))
    assert sample_depth(depth, np.array([1.5, 2.0])) > 0


def _overlaps(poses, size=(96, 72), nearer=1):
    """nearer: what stands between the last view and the walls, as a divisor of its depth."""
    depth = np.stack([on_grid(render(intrinsics(size), pose, size)[1]) for pose in poses])
    depth[-1] /= nearer
    return Overlaps(depth, np.stack([grid_intrinsics(intrinsics(size), size)] * len(poses)), np.stack(poses))


def test_overlap_is_one_with_oneself_some_with_a_neighbour_and_none_with_the_back():
    row = _overlaps([look_at((0, 0, -1)), look_at((0.8, 0, -1)), look_at((0, 0, 1), (0, 0.1, -2))]).row(0)
    assert row[0] > 0.99
    assert 0.4 < row[1] < 0.99
    assert row[2] == 0


def test_what_stands_in_between_takes_the_overlap_away():
    poses = [look_at((0, 0, -1)), look_at((0.3, 0, -1))]
    assert _overlaps(poses).row(0)[1] > 0.8
    assert _overlaps(poses, nearer=2).row(0)[1] < 0.1


def _spoiled_cameras(folder, change):
    cameras = json.loads((folder / "cameras.json").read_text())
    change(cameras["photos"])
    (folder / "cameras.json").write_text(json.dumps(cameras))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda room: shutil.rmtree(room), "is no folder"),
        (lambda room: (room / "cameras.json").unlink(), "holds no scene"),
        (lambda room: (room / "depth" / "room_1.png").unlink(), r"room_1\.png has no depth"),
        (lambda room: _spoiled_cameras(room, lambda photos: photos["room_1.png"].pop("K")), r"room_1\.png has no K"),
        (lambda room: _spoiled_cameras(room, lambda p: p["room_0.png"].update(width=97)), "says 97 x 72"),
        (lambda room: (room / "depth" / "room_0.png").write_bytes(b"?"), r"room_0\.png is not an image"),
        (lambda room: (room / "images" / "room_0.png").write_bytes(b"?"), r"room_0\.png is not a photo"),
    ],
)
def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path, spoil, sentence):
    room = write_scene(tmp_path / "room", count=2)
    spoil(room)
    with pytest.raises(InputError, match=sentence):
        FolderSource(room, 0).batch(0, 1, 3, 1, SIZE)


def test_photos_that_share_no_surface_are_a_sentence(tmp_path):
    room = write_scene(tmp_path / "room", count=2)
    away = look_at((0, 0, 1), (0, 0.1, -2)).tolist()
    _spoiled_cameras(room, lambda photos: photos["room_1.png"].update(cam2world=away))
    with pytest.raises(InputError, match="No two photos"):
        FolderSource(room, 0).batch(0, 1, 2, 1, SIZE)
