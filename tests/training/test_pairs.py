"""Pairs of views, colours, and the files that hold tensors."""

import runpy
from pathlib import Path

import torch
from dust3r.training.batch import SceneBatch
from dust3r.training.pairs import pair_index, photos, random_numbers, truth_of
from dust3r.training.state import Position, load_state, save_state
from safetensors import safe_open

FLOOR = runpy.run_path(str(Path(__file__).resolve().parent / "training_source.py"))


def batch() -> SceneBatch:
    return FLOOR["FloorSource"](1).batch(0, 2, 3, 4, (32, 16))


def test_the_truth_lies_on_the_rays_of_the_first_camera():
    made = batch()
    index = pair_index(made, both_orders=False)
    truth = truth_of(made, index)
    K = made.K.flatten(0, 1)[index.first]
    pixels = (truth.points[:, : 32 * 16] @ K.transpose(1, 2)).unflatten(1, (16, 32))
    valid = truth.valid[:, : 32 * 16].unflatten(1, (16, 32))
    x, y = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(16) + 0.5, indexing="xy")
    found = pixels[..., :2] / pixels[..., 2:].clamp(min=1e-6)
    expected = torch.stack([x, y], dim=-1).expand_as(found)
    torch.testing.assert_close(found[valid], expected[valid], atol=1e-3, rtol=0)


def test_both_orders_swap_the_views_and_the_frame():
    made = batch()
    index = pair_index(made, both_orders=True)
    assert torch.equal(index.first[8:], index.second[:8]) and torch.equal(index.second[8:], index.first[:8])
    assert index.first[:4].max() < 3 <= index.first[4:8].min()  # pairs stay within their scene
    truth = truth_of(made, index)
    pose = made.cam2world.flatten(0, 1)
    there = pose[index.first[0]].inverse() @ pose[index.first[8]]
    valid = truth.valid[8]
    moved = truth.points[8][valid] @ there[:3, :3].T + there[:3, 3]
    both = torch.cat([truth.points[0][32 * 16 :], truth.points[0][: 32 * 16]])[valid]
    torch.testing.assert_close(moved, both, atol=1e-4, rtol=0)


def test_colours_change_within_bounds_differently_per_view_and_the_same_for_the_same_number():
    made = batch()
    plain, first, again = (photos(made, jitter, random_numbers(3, 5)) for jitter in (0.0, 0.3, 0.3))
    assert torch.equal(first, again) and first.abs().max() <= 1
    assert torch.equal(((plain + 1) * 127.5).round().to(torch.uint8), made.images.flatten(0, 1))
    change = (first - plain).mean(dim=(1, 2, 3))
    assert change.abs().max() > 0.02 and change.std() > 0.005
    assert not torch.equal(first, photos(made, 0.3, random_numbers(3, 6)))


def test_tensors_survive_being_cut_in_parts(tmp_path):
    tensors = {
        "a": torch.rand(100, 7),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(3.0),
        "half": torch.rand(11).half(),
        "bytes": torch.arange(255, dtype=torch.uint8),
    }
    save_state(tmp_path, Position(updates=1), tensors, 1000)
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("state-1-*.part"))]
    assert sizes[:-1] == [1000] * 3
    found = load_state(tmp_path).tensors
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value)
    save_state(tmp_path, Position(updates=2), tensors, 0)
    assert [path.name for path in tmp_path.glob("*.part")] == ["state-2-000.part"]


def test_what_is_written_is_read_by_the_formats_own_library(tmp_path):
    value = torch.rand(3, 5)
    save_state(tmp_path, Position(), {"a": value, "b": value.half()}, 0)
    with safe_open(tmp_path / "state-0-000.part", "pt") as file:
        assert torch.equal(file.get_tensor("a"), value) and torch.equal(file.get_tensor("b"), value.half())
