"""Checkpoints of Depth Anything 3: read strictly, or refused in one sentence."""

import json
import shutil

import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.manage import add_model
from dust3r.core.errors import InputError, ModelUnavailable
from dust3r.core.networks.configs import config_from_json
from dust3r.core.networks.depth_anything_3.config import DepthAnything3Config
from dust3r.core.networks.depth_anything_3.depth_anything_3 import DepthAnything3
from dust3r.core.networks.precision import computes_in
from dust3r.core.progress import silent
from dust3r.tests.depth_anything_3 import BASE, GOLDEN, SMALL, description, images, model_folder, seeded_network
from dust3r.tests.half_precision import skip_without_bfloat16
from safetensors.torch import load_file, save_file

CPU = torch.device("cpu")
SHARED = "model.head.scratch.output_conv2_aux.{}.2.weight"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return model_folder(tmp_path_factory.mktemp("models") / "published")


@pytest.fixture
def folder(tmp_path, published):
    shutil.copytree(published, tmp_path / "tiny")
    return tmp_path / "tiny"


def change(folder, edit) -> None:
    state = load_file(folder / "model.safetensors")
    edit(state)
    save_file(state, folder / "model.safetensors")


def test_a_published_folder_gives_the_network_of_its_weights(folder):
    model = load_model(folder, CPU)
    assert isinstance(model.network, DepthAnything3)
    assert (model.name, model.config.image_size, model.config.patch_size) == ("tiny", 504, 14)
    photos = images([1, 2], 28, 42)
    with torch.inference_mode():
        found, expected = model.network(photos), seeded_network()(photos)
    torch.testing.assert_close(found.depth, expected.depth, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("size", "config"), [("small", SMALL), ("base", BASE)])
def test_the_published_descriptions_are_read(size, config):
    assert (
        config_from_json((GOLDEN / f"config_{size}.json").read_text())
        == config
        == DepthAnything3Config(
            width=config.width, heads=config.heads, level_widths=config.level_widths, features=config.features
        )
    )


def test_a_tensor_that_the_published_network_has_under_several_names_may_be_stored_under_any(folder):
    change(folder, lambda state: state.update({SHARED.format(3): state[SHARED.format(0)].clone()}))
    load_model(folder, CPU)
    change(folder, lambda state: state.update({SHARED.format(3): state.pop(SHARED.format(0))}))
    load_model(folder, CPU)
    change(folder, lambda state: state.update({SHARED.format(1): torch.zeros(32)}))
    with pytest.raises(ModelUnavailable, match="should be the same weights and are not"):
        load_model(folder, CPU)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda state: state.pop("model.cam_dec.fc_t.bias"), r"1 are missing \(model\.cam_dec\.fc_t\.bias\)"),
        (lambda state: state.pop("model.head.scratch.refinenet1_aux.out_conv.bias"), r"1 are missing \(.*aux"),
        (lambda state: state.update(extra=torch.ones(2)), r"1 are unknown \(extra\)"),
        (lambda state: state.update({"model.gs_head.weight": torch.ones(2)}), r"1 are unknown \(model\.gs_head"),
        (
            lambda state: state.update({"model.backbone.pretrained.norm.bias": torch.ones(7)}),
            r"another shape \(model\.backbone\.pretrained\.norm\.bias is \(7,\), not \(48,\)\)",
        ),
        (lambda state: state["model.cam_dec.fc_t.bias"].fill_(torch.nan), r"not finite \(model\.cam_dec"),
        (lambda state: state.update({"model.cam_dec.fc_t.bias": torch.ones(3, dtype=torch.int64)}), "not a plain"),
    ],
)
def test_weights_that_do_not_fit_are_named(folder, edit, words):
    change(folder, edit)
    with pytest.raises(ModelUnavailable, match=words) as refusal:
        load_model(folder, CPU)
    assert "model.safetensors" in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("keep", [0, 5, 100, 0.5, 0.9999])
def test_a_truncated_file_is_refused(folder, keep):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    with pytest.raises(ModelUnavailable, match="damaged"):
        load_model(folder, CPU)


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("net", {"name": "vitl"}, "it is the size LARGE"),
        ("net", {"name": "vitg"}, "it is the size GIANT"),
        ("net", {"name": "resnet", "embed_dim": None}, "embed_dim is None, expected a whole number"),
        ("net", {"embed_dim": 50}, "embed_dim 50 is not a multiple"),
        ("net", {"out_layers": [1, 2, 3, 4]}, r"net\.out_layers is \[1, 2, 3, 4\], expected \[5, 7, 9, 11\]"),
        ("net", {"cat_token": False}, "net.cat_token is False"),
        ("head", {"features": "many"}, "features is many, expected a whole number"),
        ("head", {"out_channels": [1, 2]}, "2 widths, expected 4"),
        ("head", {"__object__": {"name": "DPT"}}, "head is a DPT, expected DualDPT"),
        ("cam_dec", {"dim_in": 5}, "cam_dec.dim_in is 5, expected 96"),
    ],
)
def test_a_description_of_another_network_is_refused(folder, part, change, words):
    values = description()
    values["config"][part] |= change
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(ModelUnavailable, match=words) as refusal:
        load_model(folder, CPU)
    assert "config.json" in str(refusal.value) and "SMALL or BASE" in str(refusal.value)


def test_the_description_of_a_nested_network_is_refused(folder):
    (folder / "config.json").write_text(json.dumps({"model_name": "da3nested", "config": {"anyview": {}}}))
    with pytest.raises(ModelUnavailable, match="does not say net"):
        load_model(folder, CPU)


def test_another_sizes_weights_are_refused_by_their_shapes(folder):
    (folder / "config.json").write_text((GOLDEN / "config_small.json").read_text())
    with pytest.raises(ModelUnavailable, match=r"have another shape \(.* and \d+ more\)"):
        load_model(folder, CPU)


def test_half_precision_stays_close_and_leaves_the_head_in_float32(folder):
    skip_without_bfloat16()
    assert computes_in(torch.bfloat16, CPU)
    half, full = load_model(folder, CPU, torch.bfloat16), load_model(folder, CPU)
    assert (half.precision, full.precision) == (torch.bfloat16, torch.float32)
    assert isinstance(half.network, DepthAnything3)
    assert half.network.head.before_output.weight.dtype == torch.float32
    photos = images([1, 2, 3], 56, 84)
    with torch.inference_mode():
        rough, exact = half.network(photos, reference=0), full.network(photos, reference=0)
    assert rough.depth.dtype == torch.float32
    difference = (rough.depth - exact.depth).norm() / exact.depth.norm()
    assert 0 < difference < 0.05


def test_a_model_of_ones_own_is_added_byte_by_byte_and_only_a_whole_one_takes_a_published_name(folder, tmp_path):
    added = add_model(folder, tmp_path / "models", silent, name="my own", licence="Apache 2.0", commercial=True)
    assert (added / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="is not Depth Anything 3 SMALL: it has 695,575 parameters, 504 pixels"):
        add_model(folder, tmp_path / "models", silent, name="da3_small")
