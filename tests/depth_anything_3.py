"""Small Depth Anything 3 networks whose weights follow from their names and shapes, and photos for them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import torch
from dust3r.core.networks.depth_anything_3.config import DepthAnything3Config
from dust3r.core.networks.depth_anything_3.depth_anything_3 import DepthAnything3
from dust3r.core.networks.depth_anything_3.names import published_name, ray_shapes
from PIL import Image
from safetensors.torch import save_file

GOLDEN = Path(__file__).parent / "golden" / "da3"
TINY = DepthAnything3Config(width=48, heads=3, level_widths=(8, 12, 16, 24), features=16)
SMALL = DepthAnything3Config()
BASE = DepthAnything3Config(width=768, heads=12, level_widths=(96, 192, 384, 768), features=128)


def _procweights():
    spec = importlib.util.spec_from_file_location("da3_procweights", GOLDEN / "procweights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


procweights = _procweights()


def shapes(config: DepthAnything3Config) -> dict[str, tuple[int, ...]]:
    """Of every tensor of a published file of this size."""
    with torch.device("meta"):
        network = DepthAnything3(config)
    used = {published_name(name): tuple(value.shape) for name, value in network.state_dict().items()}
    return used | ray_shapes(config)


def weights(config: DepthAnything3Config) -> dict[str, torch.Tensor]:
    """The tensors of a published file, by the rule of the golden files."""
    return {name: torch.from_numpy(procweights.tensor(name, shape)) for name, shape in shapes(config).items()}


def seeded_network(config: DepthAnything3Config = TINY) -> DepthAnything3:
    with torch.device("meta"):
        network = DepthAnything3(config)
    values = {
        name: torch.from_numpy(procweights.tensor(published_name(name), tuple(value.shape)))
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(values, assign=True)
    return network.requires_grad_(False).eval()


def description(config: DepthAnything3Config = TINY) -> dict:
    """The content of a config.json of this size, in the published form."""
    values = json.loads((GOLDEN / "config_small.json").read_text())
    parts = values["config"]
    parts["net"] |= {"name": "test", "embed_dim": config.width, "num_heads": config.heads}
    parts["head"] |= {"dim_in": 2 * config.width, "features": config.features, "out_channels": config.level_widths}
    parts["cam_enc"]["dim_out"], parts["cam_dec"]["dim_in"] = config.width, 2 * config.width
    return values


def model_folder(folder: Path, config: DepthAnything3Config = TINY) -> Path:
    """A folder as a published model is: config.json and model.safetensors."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(description(config)))
    save_file(weights(config), folder / "model.safetensors")
    return folder


def images(seeds: list[int], height: int, width: int) -> torch.Tensor:
    """(S, 3, H, W), RGB in [-1, 1]: the golden files' photos of sine waves and noise."""
    photos = np.stack([procweights.image(seed, height, width) for seed in seeds])
    return (torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def overlapping_photos(folder: Path, count: int, height: int, step: int) -> list[Path]:
    """Photos of 280 x `height` pixels, each further to the right by `step` than the one before."""
    wide = Image.fromarray(procweights.image(1, 240, 280 + count * step))
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        wide.crop((step * number, 0, step * number + 280, height)).save(path)
    return paths
