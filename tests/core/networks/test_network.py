"""How the network behaves, whatever its weights."""

import math
from dataclasses import replace

import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.networks.dust3r.blocks import DecoderBlock, EncoderBlock
from dust3r.core.networks.dust3r.config import DPTWidths, ModelConfig
from dust3r.core.networks.dust3r.dust3r import DUSt3R, Encoded, confidence_from_raw, points_from_raw
from dust3r.core.networks.dust3r.rope import grid_rotation, rotate

CPU = torch.device("cpu")
FREE = (-math.inf, math.inf)


@pytest.fixture(scope="module", params=["tiny_linear_hf", "tiny_dpt_hf"])
def network(request, golden) -> DUSt3R:
    network = load_model(golden / "models" / request.param, CPU).network
    assert isinstance(network, DUSt3R)
    return network


def photos(count: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_pairs_in_a_batch_do_not_see_each_other(network):
    images_i, images_j = photos(3, 48, 64), photos(3, 80, 32, seed=1)
    with torch.inference_mode():
        together = network(images_i, images_j)
        alone = network(images_i[1:2], images_j[1:2])
    for field in ("points_i", "confidence_i", "points_j", "confidence_j"):
        torch.testing.assert_close(getattr(together, field)[1:2], getattr(alone, field), rtol=1e-4, atol=1e-4)


def test_a_photo_encoded_once_serves_every_pair(network):
    images = photos(3, 48, 64)
    with torch.inference_mode():
        encoded = network.encode(images)
        of_pair = network.decode(*(Encoded(encoded.tokens[k : k + 1], encoded.shape) for k in (2, 0)))
        direct = network(images[2:3], images[0:1])
    torch.testing.assert_close(of_pair.points_j, direct.points_j, rtol=1e-4, atol=1e-4)


def test_the_two_sides_are_not_the_same_network(network):
    image = photos(1, 48, 64)
    with torch.inference_mode():
        pair = network(image, image)
    assert (pair.points_i - pair.points_j).abs().max() > 0.01


@pytest.mark.parametrize("shape", [(16, 16), (16, 80), (48, 16), (80, 112)])
def test_every_multiple_of_the_patch_gives_a_point_per_pixel(network, shape):
    with torch.inference_mode():
        pair = network(photos(1, *shape), photos(1, 32, 32))
    assert pair.points_i.shape == (1, *shape, 3) and pair.confidence_i.shape == (1, *shape)
    assert pair.points_i.isfinite().all() and (pair.confidence_i >= 1).all()


def test_other_sides_are_refused_with_the_patch_size(network):
    with pytest.raises(ValueError, match="multiples of 16, got 60 x 48"):
        network.encode(photos(1, 48, 60))


def test_heads_stay_in_float32_under_autocast(network):
    seen = []
    hook = network.head_1.register_forward_hook(lambda _, inputs, output: seen.extend([inputs[0][-1], output]))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        half = network(photos(1, 48, 64), photos(1, 48, 64, seed=1))
    hook.remove()
    with torch.inference_mode():
        full = network(photos(1, 48, 64), photos(1, 48, 64, seed=1))
    assert [tensor.dtype for tensor in seen] == [torch.float32] * 2
    assert half.points_i.dtype == torch.float32
    assert (half.points_i - full.points_i).norm() < 0.05 * full.points_i.norm()


def test_gradients_flow_after_inference_filled_the_caches(network):
    grid_rotation.cache_clear()
    images = photos(1, 48, 64)
    with torch.inference_mode():
        network(images, images)
    learning = images.requires_grad_()
    network(learning, learning).points_j.sum().backward()
    assert learning.grad is not None and learning.grad.abs().sum() > 0


def test_patches_of_another_size_are_possible_with_a_linear_head():
    config = ModelConfig(encoder_width=24, encoder_depth=1, encoder_heads=2, decoder_width=16, decoder_depth=1)
    config = replace(config, decoder_heads=2, patch_size=8, head="linear")
    with torch.inference_mode():
        pair = DUSt3R(config)(photos(1, 24, 40), photos(1, 40, 24))
    assert pair.points_i.shape == (1, 24, 40, 3) and pair.points_j.shape == (1, 40, 24, 3)


def test_patches_of_eight_pixels_are_possible_with_a_dpt_head():
    config = ModelConfig(encoder_width=24, encoder_depth=1, encoder_heads=2, decoder_width=16, decoder_depth=4)
    config = replace(config, decoder_heads=2, patch_size=8, dpt=DPTWidths((8, 8, 8, 8), 8, 8))
    with torch.inference_mode():
        pair = DUSt3R(config)(photos(1, 24, 40), photos(1, 40, 24))
    assert pair.points_i.shape == (1, 24, 40, 3) and pair.points_j.shape == (1, 40, 24, 3)


def test_encoding_all_patches_in_another_order_moves_the_tokens_and_changes_nothing_else(network):
    images = photos(2, 48, 64)
    order = torch.stack([torch.randperm(12, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)])
    with torch.inference_mode():
        plain, moved = network.encode(images).tokens, network.encode(images, order).tokens
    for photo in range(2):
        torch.testing.assert_close(moved[photo], plain[photo, order[photo]], rtol=1e-4, atol=1e-4)


def test_turned_queries_and_keys_know_only_how_far_apart_they_are():
    query, key = torch.rand(2, 1, 1, 1, 16, dtype=torch.float64).unbind(0)
    rotation = grid_rotation(6, 7, 16, 100.0, CPU)
    rotation = type(rotation)(rotation.cosine.double(), rotation.sine.double())
    queries = rotate(query.expand(1, 1, 42, 16), rotation)[0, 0].unflatten(0, (6, 7))
    keys = rotate(key.expand(1, 1, 42, 16), rotation)[0, 0].unflatten(0, (6, 7))
    for row, column in ((0, 0), (1, 3), (2, 2)):
        product = (queries[row, column] * keys[row + 2, column + 1]).sum()
        torch.testing.assert_close(product, (queries[3, 4] * keys[5, 5]).sum(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(queries.norm(dim=-1), query.norm().expand(6, 7), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("mode", "distance"), [("exp", math.e**2 - 1), ("square", 4.0), ("linear", 2.0)])
def test_points_keep_the_direction_of_the_raw_vector(mode, distance):
    raw = torch.tensor([[0.0, 1.2, 1.6], [0.0, 0.0, 0.0]])
    found = points_from_raw(raw, (mode, *FREE))
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.6, 0.8], [0.0, 0.0, 0.0]]) * distance)


def test_confidence_lies_between_its_bounds():
    raw = torch.tensor([-50.0, 0.0, 2.0, 50.0])
    torch.testing.assert_close(confidence_from_raw(raw, ("exp", 1.0, 5.0)), torch.tensor([1.0, 2.0, 5.0, 5.0]))
    torch.testing.assert_close(
        confidence_from_raw(raw[[0, 1, 3]], ("sigmoid", 1.0, 5.0)), torch.tensor([1.0, 3.0, 5.0])
    )
    assert confidence_from_raw(raw, ("exp", 1.0, math.inf))[3] > 1e21


@pytest.mark.parametrize("kind", [EncoderBlock, DecoderBlock])
def test_a_block_is_compiled_in_one_piece(kind):
    """Training compiles block by block; where a block falls apart, every linear map is compiled by itself."""
    torch.manual_seed(0)
    block, rotation = kind(24, 2, 4), grid_rotation(3, 4, 12, 100.0, CPU)
    tokens, other = torch.randn(2, 2, 12, 24).unbind()
    inputs = (tokens, rotation) if kind is EncoderBlock else (tokens, other, rotation, rotation, True)
    compiled = torch.compile(block, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*inputs), block(*inputs))


def test_the_tokens_of_patches_lie_one_after_the_other_in_memory(network):
    assert network.patch_embed(photos(2, 48, 64)).is_contiguous()
