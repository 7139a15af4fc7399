"""The descriptions of all families of networks. Imports no torch."""

import json

from .depth_anything_3.config import LONGEST_TEXT, DepthAnything3Config, is_depth_anything_3
from .dust3r.config import ModelConfig

NetworkConfig = ModelConfig | DepthAnything3Config


def config_from_json(text: str, source: str = "config.json") -> NetworkConfig:
    """The network that a config.json describes, of the family that it is of.

    source: what to call the text in an error. Raises ModelUnavailable.
    """
    try:
        values = json.loads(text) if len(text) <= LONGEST_TEXT else None
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, dict) and is_depth_anything_3(values):
        return DepthAnything3Config.from_values(values, source)
    return ModelConfig.from_json(text, source)
