"""The networks there are, by their descriptions."""

from torch import nn

from .configs import NetworkConfig
from .depth_anything_3.config import DepthAnything3Config
from .depth_anything_3.depth_anything_3 import DepthAnything3
from .dust3r.dust3r import DUSt3R

Network = DUSt3R | DepthAnything3


def make_network(config: NetworkConfig) -> Network:
    """The network of a description, with whatever values its layers begin with."""
    return DepthAnything3(config) if isinstance(config, DepthAnything3Config) else DUSt3R(config)


def halved_layers(network: Network) -> list[nn.Module]:
    """The layers whose products may be computed in half precision.

    Of DUSt3R all but the patches and the last layer of each head: with the norms and the sums along the blocks in
    float32 pointmaps stay within 1e-2 of their size of the float32 network's, and what is left out costs little. Of
    Depth Anything 3 those of the backbone's blocks: its head and its cameras are computed in float32, as published.
    """
    products = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    if isinstance(network, DepthAnything3):
        return [module for module in network.backbone.blocks.modules() if isinstance(module, products)]
    kept = {id(network.patch_embed.proj), *(id(head.output) for head in (network.head_1, network.head_2))}
    return [module for module in network.modules() if isinstance(module, products) and id(module) not in kept]
