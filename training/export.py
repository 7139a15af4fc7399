"""A trained network as a folder that `core.networks.weights.load_model` reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from ..core.io.atomic import replacing
from ..core.networks.dust3r.config import ModelConfig, describe
from ..core.networks.dust3r.names import published_name

README = """# {name}

A two-view network of the DUSt3R form, trained by `headless.py train`: encoder {encoder_width} wide and {encoder_depth}
deep, two decoders {decoder_width} wide and {decoder_depth} deep, patch {patch_size}, {head} head, long side
{image_size} pixels, {millions:.1f} million parameters, half precision. The weights are the moving average of those that
were trained. Held-out loss {held_out:.4f} after {pairs} pairs. The whole recipe is in `training.json`.
"""


def export_model(
    folder: Path, config: ModelConfig, weights: Mapping[str, Tensor], recipe: dict[str, Any], held_out: float
) -> None:
    """Write config.json, model.safetensors (half precision), training.json and README.md, each whole or not at all.

    weights: of a DUSt3R network, by our names. recipe: JSON-ready; "pairs" tells how many were seen.
    """
    half = {published_name(name): value.detach().to(torch.float16) for name, value in weights.items()}
    with replacing(folder / "model.safetensors") as file:
        file.write(save(half, {"format": "pt"}))
    _write(folder / "config.json", json.dumps(describe(config), indent=2))
    _write(folder / "training.json", json.dumps({**recipe, "held_out": held_out}, indent=1))
    fields = {key: getattr(config, key) for key in config.__dataclass_fields__}
    millions = sum(value.numel() for value in weights.values()) / 1e6
    text = README.format(name=folder.name, millions=millions, held_out=held_out, pairs=recipe["pairs"], **fields)
    _write(folder / "README.md", text)


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
