"""The network agrees with the published one.

Relative error: the largest deviation of a tensor, over the root mean square of the golden one. A point's deviation is
the length of its error vector.
"""

import copy
import importlib.util
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.networks.dust3r.config import DPTWidths, ModelConfig
from dust3r.core.networks.dust3r.dust3r import DUSt3R, PairOutput
from dust3r.core.networks.dust3r.names import published_name
from dust3r.core.networks.dust3r.rope import grid_rotation
from dust3r.core.networks.weights import build_network

CPU = torch.device("cpu")
SMALL, FULL = 1e-4, 1e-3  # what correct float32 implementations may differ by
SIZES = {
    "ll": ("48x64", "48x64"),
    "pp": ("64x48", "64x48"),
    "lp": ("48x64", "64x48"),
    "sq_wide": ("64x64", "32x80"),
}
TINY_FILES = ["tiny_linear.pth", "tiny_linear_hf", "tiny_dpt.pth", "tiny_dpt_hf"]


def relative_error(found: torch.Tensor, golden: np.ndarray) -> float:
    expected = torch.from_numpy(golden)
    assert found.shape == expected.shape
    deviation = found - expected
    size = deviation.norm(dim=-1) if expected.ndim == 4 else deviation.abs()
    spread = expected.norm(dim=-1) if expected.ndim == 4 else expected
    return float(size.max() / spread.square().mean().sqrt())


def outputs(pair: PairOutput) -> dict[str, torch.Tensor]:
    """Under the names of the golden files."""
    points = {"pts3d": pair.points_i, "pts3d_in_other_view": pair.points_j}
    return points | {"conf1": pair.confidence_i, "conf2": pair.confidence_j}


def network_input(pixels: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [-1, 1]."""
    return torch.from_numpy((pixels.astype(np.float32) / 255 - 0.5) / 0.5).permute(2, 0, 1)[None]


@pytest.fixture(scope="module")
def images(golden) -> dict[str, torch.Tensor]:
    with np.load(golden / "models" / "images.npz") as arrays:
        return {key: network_input(arrays[key]) for key in arrays}


@pytest.fixture(scope="module", params=TINY_FILES)
def tiny(request, golden) -> tuple[DUSt3R, dict[str, np.ndarray]]:
    name = request.param.removesuffix(".pth").removesuffix("_hf")
    with np.load(golden / "models" / f"{name}.npz") as arrays:
        network = load_model(golden / "models" / request.param, CPU).network
        assert isinstance(network, DUSt3R)
        return network, dict(arrays)


@pytest.fixture(scope="module")
def tensor(golden) -> Callable[[str, tuple[int, ...]], np.ndarray]:
    """The rule that gives every tensor of the big golden models its values, once: the models share most of them."""
    spec = importlib.util.spec_from_file_location("procweights", golden / "procweights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cache(module.tensor)


def procedural_network(config: ModelConfig, tensor: Callable[[str, tuple[int, ...]], np.ndarray]) -> DUSt3R:
    with torch.device("meta"):
        shapes = {published_name(name): tuple(value.shape) for name, value in DUSt3R(config).state_dict().items()}
    network = build_network(config, {name: torch.from_numpy(tensor(name, shape)) for name, shape in shapes.items()})
    assert isinstance(network, DUSt3R)
    return network.requires_grad_(False).eval()


def waves(seed: int, height: int, width: int) -> np.ndarray:
    """The golden files' photo of sine waves and noise, (H, W, 3) uint8."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width] / 16
    total = np.zeros((height, width, 3))
    for channel in range(3):
        for _ in range(5):
            fx, fy, phase, amplitude = random.random_sample(4)
            total[..., channel] += (0.2 + amplitude) * np.sin(2 * fx * x + 2 * fy * y + 6.28 * phase + channel)
    noise = 25 * (random.random_sample((height, width, 3)) - 0.5)
    return np.clip(np.round(127.5 + 45 * total + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("case", SIZES)
def test_points_and_confidences_of_the_small_models_are_the_golden_ones(tiny, images, case):
    network, expected = tiny
    size_i, size_j = SIZES[case]
    with torch.inference_mode():
        found = outputs(network(images[f"img_1_{size_i}"], images[f"img_2_{size_j}"]))
    for name, value in found.items():
        assert relative_error(value, expected[f"{case}.{name}"]) < SMALL, name


def layers(network: DUSt3R, images_i: torch.Tensor, images_j: torch.Tensor) -> dict[str, torch.Tensor]:
    """Tokens after the encoder and after every decoder block, under the names of the golden files."""
    found: dict[str, torch.Tensor] = {}
    normed: list[torch.Tensor] = []
    for side, blocks in ((1, network.decoder_1), (2, network.decoder_2)):
        for k, block in enumerate(blocks, start=1):
            block.register_forward_hook(lambda _, __, out, key=f"dec{side}_{k}": found.update({key: out[0]}))
    network.decoder_norm.register_forward_hook(lambda _, __, out: normed.append(out))
    encoded = network.encode(images_i), network.encode(images_j)
    network.decode(*encoded)
    depth = network.config.decoder_depth
    found |= {f"dec{side}_{depth}": out for side, out in enumerate(normed, start=1)}
    return found | {f"enc{side}": one.tokens for side, one in enumerate(encoded, start=1)}


@pytest.mark.parametrize("case", ["ll", "lp"])
def test_every_layer_of_the_small_models_is_the_golden_one(tiny, images, case):
    network, expected = copy.deepcopy(tiny[0]), tiny[1]  # a copy keeps the hooks to itself
    size_i, size_j = SIZES[case]
    with torch.inference_mode():
        found = layers(network, images[f"img_1_{size_i}"], images[f"img_2_{size_j}"])
    assert len(found) == 2 * network.config.decoder_depth + 2
    for name, value in found.items():
        assert relative_error(value, expected[f"{case}.{name}"]) < SMALL, name


def test_a_tokens_turn_tells_its_golden_row_and_column(tiny):
    _, expected = tiny
    for key, grid in (("ll.pos1", (3, 4)), ("lp.pos2", (4, 3))):
        rotation = grid_rotation(*grid, 12, 100.0, CPU)
        position = torch.atan2(rotation.sine, rotation.cosine)[..., 0]  # frequency 0 turns one radian per patch
        np.testing.assert_allclose(position.numpy(), expected[key][0], atol=1e-6)


@pytest.mark.parametrize("pair", [0, 1])
def test_native_orientation_equals_the_training_layout_transposed(tiny, images, pair):
    network, expected = tiny
    size_i, size_j = (("48x64", "64x48"), ("64x48", "48x64"))[pair]
    with torch.inference_mode():
        found = outputs(network(images[f"img_1_{size_i}"], images[f"img_2_{size_j}"]))
    for name, value in found.items():
        landscape = value if value.shape[1] < value.shape[2] else value.transpose(1, 2)
        assert relative_error(landscape, expected[f"manyar.{name}"][pair : pair + 1]) < SMALL, name


def test_the_true_widths_of_the_dpt_head_give_the_golden_outputs(golden, tensor, images):
    config = ModelConfig(
        encoder_width=48, encoder_depth=2, encoder_heads=3, decoder_width=32, decoder_depth=10, decoder_heads=2
    )
    network = procedural_network(config, tensor)
    assert network.config.dpt == DPTWidths((96, 192, 384, 768), 256, 128)
    with np.load(golden / "models" / "tiny_dpt_wide.npz") as expected:
        for case in ("ll", "lp"):
            size_i, size_j = SIZES[case]
            with torch.inference_mode():
                found = outputs(network(images[f"img_1_{size_i}"], images[f"img_2_{size_j}"]))
            for name, value in found.items():
                assert relative_error(value, expected[f"{case}.{name}"]) < SMALL, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "config", "shape"),
    [
        ("full_224_linear", ModelConfig(head="linear", image_size=224), (224, 224)),
        ("full_512_dpt", ModelConfig(), (384, 512)),
    ],
)
def test_the_full_size_models_give_the_golden_outputs(golden, tensor, images, file, config, shape):
    network = procedural_network(config, tensor)
    with np.load(golden / "models" / f"{file}.npz") as expected, torch.inference_mode():
        for case in ("ll", "lp"):
            inputs = [images[f"img_{k + 1}_{size}"] for k, size in enumerate(SIZES[case])]
            for name, value in outputs(network(*inputs)).items():
                assert relative_error(value, expected[f"{case}.{name}"]) < FULL, f"{case}.{name}"
        tokens = network.encode(images["img_1_48x64"]).tokens[..., :64]
        assert relative_error(tokens, expected["ll.enc1"]) < FULL
        big = outputs(network(*(network_input(waves(seed, *shape)) for seed in (1, 2))))
        for name, value in big.items():
            assert relative_error(value[:, ::8, ::8], expected[f"big.{name}_s8"]) < FULL, name
