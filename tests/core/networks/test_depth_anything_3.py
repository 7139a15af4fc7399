"""Depth Anything 3 agrees with the published network.

Error: the largest |a - b| / max(|b|, min(1, max |b|)) over the elements of a golden tensor b.
"""

import numpy as np
import pytest
import torch
from dust3r.core.networks.depth_anything_3.backbone import choose_reference
from dust3r.core.networks.depth_anything_3.cameras import (
    Cameras,
    cameras_from_code,
    code_of_cameras,
    normalise_cameras,
)
from dust3r.core.networks.depth_anything_3.depth_anything_3 import DepthAnything3, SceneOutput, normalised
from dust3r.core.networks.depth_anything_3.position import add_uv_code, resample_position_code
from dust3r.core.networks.dust3r.rope import rotate, rotation_at
from dust3r.tests.depth_anything_3 import BASE, GOLDEN, SMALL, TINY, images, procweights, seeded_network, shapes

ERROR = {"tiny": 1e-4, "small": 2e-4, "base": 2e-4, "poses": 2e-5, "units": 2e-5}
CASES = {  # of tiny.npz: seeds, height, width
    "v1": ([1], 56, 84),
    "v2": ([1, 2], 70, 42),
    "v3": ([20, 21, 22], 42, 70),
    "v5": ([40, 41, 42, 43, 44], 42, 56),
    "sq518": ([7], 518, 518),
}


def golden(file: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{file}.npz") as arrays:
        return dict(arrays)


def error(found: torch.Tensor, expected: np.ndarray) -> float:
    wanted = torch.from_numpy(expected).double()
    assert found.shape == wanted.shape
    floor = min(1.0, float(wanted.abs().max()))
    return float(((found.double() - wanted).abs() / wanted.abs().clamp(min=floor)).max())


def as_golden(case: str, out: SceneOutput, among: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Outputs under the names of the golden files, those that are there; `_sN`: every Nth row and column."""
    found = {"depth": out.depth, "conf": out.confidence, "w2c": out.world2cam, "K": out.K}
    found["ref_index"] = torch.tensor(out.reference)
    for name in ("depth", "conf"):
        for step in (2, 4, 8, 16):
            found[f"{name}_s{step}"] = found[name][:, ::step, ::step]
        found[f"{name}_mean"] = found[name].mean((1, 2))
    return {f"{case}.{name}": value for name, value in found.items() if f"{case}.{name}" in among}


@pytest.fixture(scope="module")
def tiny() -> DepthAnything3:
    return seeded_network(TINY)


@pytest.fixture(scope="module")
def small() -> DepthAnything3:
    return seeded_network(SMALL)


@pytest.mark.parametrize(("size", "config"), [("small", SMALL), ("base", BASE)])
def test_the_published_file_holds_just_our_tensors_and_those_of_the_rays(size, config):
    rows = [line.split("\t") for line in (GOLDEN / f"keys_{size}.tsv").read_text().splitlines()[1:]]
    stored = {key: tuple(map(int, shape.split("x"))) for key, shape, _, alias in rows if not alias}
    assert len(stored) == 437 and shapes(config) == stored


@pytest.mark.parametrize("case", CASES)
def test_depths_confidences_and_cameras_of_the_small_network_are_the_golden_ones(tiny, case):
    expected = golden("tiny")
    with torch.inference_mode():
        found = as_golden(case, tiny(images(*CASES[case])), expected)
    assert found
    for name, value in found.items():
        assert error(value, expected[name]) < ERROR["tiny"], name


@pytest.mark.parametrize("case", ["v1", "v2", "v3", "v5", "sq518"])
def test_every_layer_of_the_small_network_is_the_golden_one(case):
    expected, network, found = golden("tiny"), seeded_network(TINY), {}

    def keep(name: str, module: torch.nn.Module) -> None:
        module.register_forward_hook(lambda _, inputs, out: found.update({f"{case}.{name}": out}))

    for k, block in enumerate(network.backbone.blocks):
        keep(f"block{k}", block)
    for level, resize in enumerate(network.head.resize):
        resize.register_forward_hook(
            lambda _, inputs, out, k=level: found.update({f"{case}.proj{k}": inputs[0], f"{case}.resized{k}": out})
        )
    keep("main_feat", network.head.before_output)
    keep("pose_enc", network.camera_decoder)
    photos = images(*CASES[case])
    with torch.inference_mode():
        network(photos)
        found[f"{case}.tokens0"] = network.backbone.embed(normalised(photos))
        features = network.backbone(normalised(photos))
    found |= {f"{case}.tap{k}": tap for k, tap in enumerate(features.taps)} | {f"{case}.camtok": features.camera}
    compared = [name for name in found if name in expected]
    assert compared
    for name in compared:
        value = found[name].reshape(expected[name].shape)  # a block across views has all tokens in one row
        assert error(value, expected[name]) < ERROR["tiny"], name


def test_any_view_can_be_the_reference(tiny):
    expected, photos = golden("tiny"), images(*CASES["v5"])
    with torch.inference_mode():
        for strategy, reference in (("first", 0), ("middle", 2)):
            out = tiny(photos, reference=reference)
            assert out.reference == expected[f"v5_{strategy}.ref_index"]
            code = tiny.camera_decoder(tiny.backbone(normalised(photos), reference=reference).camera)
            assert error(code, expected[f"v5_{strategy}.pose_enc"]) < ERROR["tiny"]
            if f"v5_{strategy}.depth" in expected:
                assert error(out.depth[:, ::2, ::2], expected[f"v5_{strategy}.depth"]) < ERROR["tiny"]


def test_known_cameras_guide_the_network_as_in_the_published_one(tiny):
    expected, photos = golden("tiny"), images(*CASES["v3"])
    known = Cameras(*(torch.from_numpy(expected[f"v3pose.{name}"]).float() for name in ("ext_in", "K_in")))
    known = known._replace(world2cam=known.world2cam[:, :3])
    relative = normalise_cameras(known.world2cam)
    assert error(relative, expected["v3pose.ext_norm"][:, :3]) < ERROR["poses"]
    with torch.inference_mode():
        tokens = tiny.camera_encoder(code_of_cameras(known._replace(world2cam=relative), (70, 42)))
        assert error(tokens, expected["v3pose.camenc"]) < ERROR["tiny"]
        out = tiny(photos, known)
    assert out.reference == 0
    assert error(out.depth, expected["v3pose.depth"]) < ERROR["tiny"]
    assert error(out.confidence, expected["v3pose.conf"]) < ERROR["tiny"]


@pytest.mark.parametrize(
    ("case", "photos"),
    [("s2", ([1, 2], 112, 168)), pytest.param("big3", ([60, 61, 62], 378, 504), marks=pytest.mark.slow)],
)
def test_the_published_small_size_gives_the_golden_outputs(small, case, photos):
    expected = golden("small")
    with torch.inference_mode():
        found = as_golden(case, small(images(*photos)), expected)
    assert len(found) >= 2
    for name, value in found.items():
        assert error(value, expected[name]) < ERROR["small"], name


@pytest.mark.slow
def test_the_published_base_size_gives_the_golden_outputs():
    expected = golden("base")
    with torch.inference_mode():
        found = as_golden("s2", seeded_network(BASE)(images([1, 2], 112, 168)), expected)
    assert len(found) == 6
    for name, value in found.items():
        assert error(value, expected[name]) < ERROR["base"], name


def test_cameras_and_their_codes_are_turned_into_each_other_as_published():
    expected = {name: torch.from_numpy(value) for name, value in golden("poses").items()}
    height, width = expected["dec.hw"].tolist()
    found = cameras_from_code(expected["dec.pose_enc"], (width, height))
    assert error(found.world2cam, expected["dec.w2c"].numpy()) < ERROR["poses"]
    assert error(found.K, expected["dec.K"].numpy()) < ERROR["poses"]
    height, width = expected["enc.hw"].tolist()
    code = code_of_cameras(Cameras(expected["enc.w2c"][:, :3], expected["enc.K"]), (width, height))
    assert error(code, expected["enc.pose_enc"].numpy()) < ERROR["poses"]


@pytest.mark.parametrize("case", ["norm1", "norm2", "norm4", "norm5", "norm_small"])
def test_known_cameras_are_brought_to_the_published_frame_and_scale(case):
    expected = golden("poses")
    found = normalise_cameras(torch.from_numpy(expected[f"{case}.w2c"])[:, :3])
    assert error(found, expected[f"{case}.out"][:, :3]) < ERROR["poses"]


@pytest.mark.parametrize("grid", [(1, 1), (4, 6), (5, 3), (27, 36), (40, 20)], ids=str)
def test_the_position_code_is_resampled_as_published(grid):
    code = torch.from_numpy(procweights.tensor("model.backbone.pretrained.pos_embed", (1, 1370, 48)))
    expected = golden("units")[f"pos_embed.{grid[0]}x{grid[1]}"]
    found = resample_position_code(code, grid)[0]
    assert error(found if grid[0] * grid[1] <= 96 else found[::7], expected) < ERROR["units"]


def test_the_position_code_of_the_grid_it_was_learned_on_stays_as_it_is():
    code = torch.rand(1, 1370, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resample_position_code(code, (37, 37)), code)


@pytest.mark.parametrize("name", [name for name in golden("units") if name.startswith("uv.")])
def test_the_code_of_the_heads_maps_is_the_published_one(name):
    _, grid, channels, size = name.split(".")
    rows, columns = map(int, grid.split("x"))
    width, height = (int(side[1:]) for side in size.split("x"))
    found = add_uv_code(torch.zeros(1, int(channels[1:]), rows, columns), width / height)[0]
    expected = golden("units")[name]
    assert error(found if found.shape == expected.shape else found[:, ::6, ::6], expected) < ERROR["units"]


@pytest.mark.parametrize("count", [3, 4, 5, 8, 16])
def test_the_reference_view_is_the_published_choice(count):
    expected = golden("units")
    assert choose_reference(torch.from_numpy(expected[f"ref.S{count}.cls"])) == expected[f"ref.S{count}.index"][2]


def test_views_are_turned_by_their_own_place_and_across_views_only_token_0_stands_apart():
    heads = torch.rand(1, 1, 3, 16, generator=torch.Generator().manual_seed(0))
    turned = rotate(heads, rotation_at(torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 1.0]]), 16, 100.0))
    assert torch.equal(turned[0, 0, 0], heads[0, 0, 0])
    assert not torch.allclose(turned[0, 0, 2, :8], heads[0, 0, 2, :8])
    torch.testing.assert_close(turned.norm(dim=-1), heads.norm(dim=-1))


def test_other_sides_are_refused_with_the_patch_size(tiny):
    with pytest.raises(ValueError, match="multiples of 14, got 60 x 42"):
        tiny(torch.zeros(1, 3, 42, 60))
