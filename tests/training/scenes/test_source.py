"""What the procedural source delivers: true geometry, overlapping pairs, the same batch everywhere."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from dust3r.core.errors import InputError
from dust3r.training.scenes.cameras import choose_pairs
from dust3r.training.scenes.difficulty import ranges_at
from dust3r.training.scenes.library import cut_surfaces
from dust3r.training.scenes.rendering.compiled import compiled
from dust3r.training.scenes.source import ProceduralSource
from PIL import Image

SIZE = (72, 48)
LEVELS = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module", params=LEVELS)
def level(request):
    return request.param


@pytest.fixture(scope="module")
def batch(level):
    return ProceduralSource(11, level).batch(0, scenes=4, views=4, pairs=6, size=SIZE)


def _in_camera(batch, s, i, points):
    """World points in view i's frame and its pixels."""
    world2cam = torch.linalg.inv(batch.cam2world[s, i].double())
    own = points.double() @ world2cam[:3, :3].T + world2cam[:3, 3]
    pixels = own @ batch.K[s, i].double().T
    return own, pixels[..., :2] / pixels[..., 2:]


def test_a_batch_has_the_agreed_shapes_and_types(batch):
    assert batch.images.shape == (4, 4, 3, 48, 72) and batch.images.dtype == torch.uint8
    assert batch.points.shape == (4, 4, 48, 72, 3) and batch.points.dtype == torch.float32
    assert batch.valid.shape == (4, 4, 48, 72) and batch.valid.dtype == torch.bool
    assert batch.cam2world.shape == (4, 4, 4, 4) and batch.cam2world.dtype == torch.float32
    assert batch.K.shape == (4, 4, 3, 3) and batch.pairs.shape == (4, 6, 2) and batch.pairs.dtype == torch.int64


def test_cameras_are_rigid(batch):
    R = batch.cam2world[..., :3, :3]
    assert torch.allclose(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-5)
    assert (torch.linalg.det(R) > 0).all()


def test_each_point_lies_on_the_ray_of_its_pixel(batch):
    y, x = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(72) + 0.5, indexing="ij")
    for s in range(4):
        for v in range(4):
            own, pixels = _in_camera(batch, s, v, batch.points[s, v])
            valid = batch.valid[s, v]
            assert (own[valid][:, 2] > 0).all()
            assert (pixels - torch.stack([x, y], -1))[valid].abs().max() < 0.01


def test_pixels_without_a_point_are_the_sky_and_hold_zeros(batch):
    assert not batch.points[~batch.valid].any()
    assert torch.isfinite(batch.points).all()
    assert batch.valid.flatten(2).float().mean(-1).min() > 0.25


def test_points_of_one_view_are_the_points_another_view_sees(batch):
    """Where view i sees a point of view j, its own point at that pixel is the same place."""
    for s in range(4):
        for i, j in batch.pairs[s].tolist():
            points = batch.points[s, j][batch.valid[s, j]]
            own, pixels = _in_camera(batch, s, i, points)
            u, v = pixels.long().unbind(-1)
            inside = (own[:, 2] > 0) & (u >= 0) & (u < 72) & (v >= 0) & (v < 48)
            seen = batch.points[s, i][v[inside], u[inside]]
            there, _ = _in_camera(batch, s, i, seen)
            away = (seen - points[inside]).norm(dim=-1)
            # Either the same place, to a pixel's width, or hidden by something nearer; never in front of the surface.
            pixel = own[inside][:, 2] / batch.K[s, i, 0, 0]
            same = away < 4 * pixel
            nearer = there[:, 2] < own[inside][:, 2] + 4 * pixel
            sky = ~batch.valid[s, i][v[inside], u[inside]]
            assert (same | nearer | sky).float().mean() > 0.85  # at outlines a pixel is many places


def test_pairs_overlap_as_much_as_the_difficulty_asks(batch, level):
    low, high = ranges_at(level).overlap
    for s in range(4):
        assert len({tuple(pair) for pair in batch.pairs[s].tolist()}) == 6
        for i, j in batch.pairs[s].tolist():
            assert i != j
            own, pixels = _in_camera(batch, s, i, batch.points[s, j])
            u, v = pixels.long().unbind(-1)
            inside = batch.valid[s, j] & (own[..., 2] > 0) & (u >= 0) & (u < 72) & (v >= 0) & (v < 48)
            there, _ = _in_camera(batch, s, i, batch.points[s, i][v[inside], u[inside]])
            z = own[inside][:, 2]
            share = ((there[:, 2] - z).abs() < 0.04 * z).sum() / (72 * 48)
            assert low - 0.06 < share < high + 0.06  # the source asks at a coarser resolution


def test_views_that_turn_stand_where_another_does_and_look_elsewhere():
    """As many as are asked for; the others move as ever."""

    def spots(turning):
        cam2world = ProceduralSource(11, 0.2, turning=turning).batch(0, 8, 4, 3, (32, 24)).cam2world
        same = torch.cdist(cam2world[:, :, :3, 3], cam2world[:, :, :3, 3]) < 1e-6
        axes = cam2world[:, :, :3, 2]
        assert ((axes[:, 0] - axes[:, 1]).norm(dim=-1) > 1e-3).all()
        return (same.sum(-1) > 1).float().mean()

    assert spots(0.0) < 0.2 < spots(0.5) < spots(1.0) == 1


def test_neighbouring_batches_and_seeds_differ_and_the_same_key_repeats():
    def images(seed, number):
        return ProceduralSource(seed, 0.5).batch(number, 2, 2, 2, (32, 24)).images

    first = images(3, 0)
    assert torch.equal(first, images(3, 0))
    assert not torch.equal(first, images(3, 1))
    assert not torch.equal(first, images(4, 0))
    assert not torch.equal(first[0], first[1])


def test_threads_and_processes_do_not_change_a_batch():
    ours = ProceduralSource(7, (0.2, 0.8), threads=3).batch(2, 3, 2, 2, (40, 32))
    code = (
        "import runpy; runpy.run_path('headless.py')['import_package']();"
        "from dust3r.training.scenes.source import ProceduralSource;"
        "b = ProceduralSource(7, (0.2, 0.8)).batch(2, 3, 2, 2, (40, 32));"
        "import hashlib;"
        "f = lambda t: hashlib.sha256(t.contiguous().numpy().tobytes()).hexdigest();"
        "print(*map(f, (b.images, b.points, b.cam2world, b.pairs)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    own = [
        hashlib.sha256(t.contiguous().numpy().tobytes()).hexdigest()
        for t in (ours.images, ours.points, ours.cam2world, ours.pairs)
    ]
    assert out == own


def test_the_dial_widens_the_baselines():
    def turn(difficulty):
        batch = ProceduralSource(2, difficulty).batch(0, 12, 3, 4, (32, 24))
        axes = batch.cam2world[:, :, :3, 2]
        cosines = [(axes[s, i] * axes[s, j]).sum() for s in range(12) for i, j in batch.pairs[s].tolist()]
        return np.degrees(np.arccos(np.clip(np.array(cosines), -1, 1))).mean()

    easy, medium, hard = (turn(difficulty) for difficulty in LEVELS)
    assert easy < medium < hard


def test_pairs_bring_in_every_view_before_they_repeat_one():
    overlap = np.full((5, 5), 0.5, np.float32)
    pairs = choose_pairs(overlap, (0.1, 0.9), 4, np.random.default_rng(0))
    assert set(pairs.ravel().tolist()) == {0, 1, 2, 3, 4}


def test_of_unordered_pairs_none_comes_in_both_orders():
    overlap = np.array([[1, 0.5, 0.05], [0.5, 1, 0.4], [0.5, 0.95, 1]], np.float32)
    pairs = choose_pairs(overlap, (0.1, 0.9), 3, np.random.default_rng(0), unordered=True)
    assert sorted(tuple(sorted(pair)) for pair in pairs.tolist()) == [(0, 1), (0, 2), (1, 2)]
    found = ProceduralSource(3, 0.3).batch(0, 4, 6, 10, (32, 24), unordered=True).pairs
    for scene in found.tolist():
        assert not any([j, i] in scene for i, j in scene)


def test_a_single_view_is_paired_with_itself():
    assert ProceduralSource(1, 0.0).batch(0, 1, 1, 3, (32, 24)).pairs.tolist() == [[[0, 0]] * 3]


def test_photos_of_a_folder_become_textures(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(2):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    with_photos = ProceduralSource(1, 0.5, textures=tmp_path).batch(0, 2, 2, 2, (32, 24))
    assert not torch.equal(with_photos.images, ProceduralSource(1, 0.5).batch(0, 2, 2, 2, (32, 24)).images)


def test_photos_of_a_cuts_size_are_taken_whole_and_others_cut_to_it(tmp_path):
    rng = np.random.default_rng(0)
    whole, larger = (Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)) for side in (128, 300))
    whole.save(tmp_path / "0.png")
    larger.save(tmp_path / "1.png")
    first, second, *_ = cut_surfaces(tmp_path)
    assert np.array_equal(first, whole) and second.size == (128, 128)


def test_a_folder_without_photos_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no photos"):
        ProceduralSource(0, 0.5, textures=tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        ProceduralSource(0, 0.5, textures=tmp_path / "missing")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(InputError, match="None of the photos"):
        ProceduralSource(0, 0.5, textures=tmp_path)


@pytest.mark.parametrize(("seed", "difficulty"), [(0, -0.1), (0, 1.5), (0, (0.6, 0.2)), (-1, 0.5)])
def test_what_no_scene_can_be_is_refused(seed, difficulty):
    with pytest.raises(InputError, match=r"difficulty|seed"):
        ProceduralSource(seed, difficulty)


def test_compiled_arithmetic_has_every_bit_of_numpys():
    """No fused product, no reciprocal, no sum in another order: code from the cache then equals code just compiled."""

    def compute(values, found):
        total = np.float32(0)
        for k in range(len(values)):
            total += values[k]
            found[k] = values[k] * values[k] - values[0] / values[k]
        return total

    values = np.random.default_rng(0).uniform(1, 2, 1000).astype(np.float32)
    found = np.empty_like(values)
    assert compiled(compute)(values, found) == np.cumsum(values)[-1]
    assert (found == values * values - values[0] / values).all()
