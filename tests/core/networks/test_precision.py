"""Faster products keep what the network says."""

from pathlib import Path
from typing import get_args

import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.images.preprocessing import load_views
from dust3r.core.images.reader import find_photos
from dust3r.core.inference.forward import predict
from dust3r.core.networks import kernels
from dust3r.core.networks.kernels import Linear, attend
from dust3r.core.networks.precision import computes_in, precision_name
from dust3r.core.pipeline.reconstruct import framing_of
from dust3r.core.runtime import device
from dust3r.core.runtime.device import pick_precision, precision_notices
from dust3r.core.scene_graph.edges import make_edges
from dust3r.core.settings import Precision, ReconstructionSettings
from dust3r.tests.half_precision import skip_without_bfloat16
from dust3r.training.precision import half_precision
from torch.nn.functional import scaled_dot_product_attention

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[3]
PRECISIONS = (torch.float32, torch.bfloat16)
NAMES = ("float32", "bfloat16")


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("count", [(70, 90), (300, 300), (257, 400)])
def test_attention_is_the_fused_kernels_at_any_length(count):
    query, key, value = random(2, 3, count[0], 16), random(2, 3, count[1], 16), random(2, 3, count[1], 16)
    with torch.inference_mode():
        found = attend(query, key, value)
    expected = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_linear_maps_are_torchs_own_in_inference_and_in_training():
    layer, tokens = Linear(24, 40), random(2, 7, 24)
    expected = tokens @ layer.weight.T + layer.bias
    torch.testing.assert_close(layer(tokens), expected, rtol=1e-5, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(layer(tokens), expected.detach(), rtol=1e-5, atol=1e-5)


def test_linear_maps_still_learn():
    layer = Linear(4, 3)
    layer(random(2, 4)).sum().backward()
    torch.testing.assert_close(layer.weight.grad, random(2, 4).sum(0).expand(3, 4))


@pytest.mark.parametrize("onednn", [True, False])
def test_pointmaps_in_half_precision_are_within_a_hundredth(onednn, monkeypatch):
    monkeypatch.setattr(kernels, "ONEDNN", kernels.ONEDNN and onednn)
    skip_without_bfloat16()
    single, half = (load_model(ROOT / "models" / "small", CPU, dtype) for dtype in PRECISIONS)
    views, _ = load_views(find_photos([ROOT / "samples" / "studio" / "images"])[:3], framing_of(single.config))
    edges = make_edges(len(views))
    for expected, found in zip(*(predict(model.network, views, edges) for model in (single, half)), strict=True):
        for side in ("points_i", "points_j"):
            error = (getattr(found, side) - getattr(expected, side)).norm(dim=-1)
            assert error.square().mean() < 1e-4 * getattr(expected, side).square().sum(-1).mean()


def test_a_networks_precision_has_a_name(golden):
    names = [precision_name(load_model(golden / "models" / "tiny_dpt_hf", CPU, dtype).network) for dtype in PRECISIONS]
    assert names == list(NAMES)


@pytest.fixture
def possible(monkeypatch):
    """Call it to say whether this CPU computes in half precision, whatever it does."""
    return lambda half: monkeypatch.setattr(device, "computes_in", lambda precision, on: half)


@pytest.fixture
def native(monkeypatch):
    """Call it to say which instructions this CPU has, whatever it has."""

    def call(bfloat16, tiles):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bfloat16, raising=False)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles, raising=False)

    return call


def test_a_precision_that_is_asked_for_is_taken_where_it_is_possible(possible):
    possible(True)
    assert pick_precision("float32", CPU) == torch.float32
    assert pick_precision("half", CPU) == torch.bfloat16


def test_where_half_precision_is_not_possible_float32_is_taken(possible, native):
    possible(False)
    native(True, True)
    assert {pick_precision(wanted, CPU) for wanted in get_args(Precision)} == {torch.float32}
    assert half_precision("auto", CPU) is None


def test_only_who_asked_for_half_precision_and_got_float32_is_told():
    told = {(wanted, used) for wanted in get_args(Precision) for used in NAMES if precision_notices(wanted, used)}
    assert told == {("half", "float32")}


@pytest.mark.parametrize(
    ("bfloat16", "tiles", "expected"),
    [(True, False, torch.bfloat16), (False, True, torch.bfloat16), (False, False, torch.float32)],
)
def test_the_automatic_precision_of_a_cpu_follows_its_instructions(possible, native, bfloat16, tiles, expected):
    possible(True)
    native(bfloat16, tiles)
    assert pick_precision(ReconstructionSettings().precision, CPU) == expected
    assert half_precision("auto", CPU) == (expected if expected != torch.float32 else None)


def test_a_torch_that_cannot_tell_is_taken_at_float32(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert pick_precision("auto", CPU) == torch.float32


def test_float32_is_possible_and_trying_it_draws_no_random_number():
    state = torch.get_rng_state()
    assert computes_in.__wrapped__(torch.float32, CPU)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_the_device_refuses_is_not_possible(monkeypatch):
    def refuse(*_):
        raise RuntimeError("could not create a primitive descriptor for the inner product forward propagation")

    monkeypatch.setattr(kernels, "_product", refuse)
    assert not computes_in.__wrapped__(torch.bfloat16, CPU)
