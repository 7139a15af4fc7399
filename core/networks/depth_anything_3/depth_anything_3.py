"""Depth Anything 3: any number of photos of a scene in, a depth map and a camera for each out, in one world.

Photos -> backbone -> (head -> depth, confidence) and (camera decoder -> cameras). Known cameras enter the backbone by
the camera encoder.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..dust3r.dust3r import Encoded
from .backbone import Backbone
from .cameras import (
    CameraDecoder,
    CameraEncoder,
    Cameras,
    cameras_from_code,
    code_of_cameras,
    normalise_cameras,
)
from .config import DepthAnything3Config
from .dual_dpt_head import DualDPTHead

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of RGB in [0, 1] (ImageNet)
HEAD_VIEWS = 4  # that the head works on at once: what it costs in memory


@dataclass(frozen=True, slots=True)
class SceneOutput:
    """What the network says of S views; depths and cameras in one world, of arbitrary frame and scale."""

    depth: Tensor  # (S, H, W), along the optical axis, > 0
    confidence: Tensor  # (S, H, W), above 1
    world2cam: Tensor  # (S, 3, 4), rigid; x right, y down, z forward
    K: Tensor  # (S, 3, 3), network pixels; the principal point is (W/2, H/2)
    reference: int  # the view that the network saw the others from


class DepthAnything3(nn.Module):
    """The whole network. `names.published_name` gives the published names of its parameters."""

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.head = DualDPTHead(config)
        self.camera_encoder = CameraEncoder(config)
        self.camera_decoder = CameraDecoder(config)

    def forward(
        self,
        images: Tensor,
        known: Cameras | None = None,
        reference: int | None = None,
        step: Callable[[float], None] = lambda share: None,
    ) -> SceneOutput:
        """Depths and cameras of views (S, 3, H, W), RGB in [-1, 1], H and W multiples of the patch size.

        known: cameras of all views, in any world: they guide the network and are not what it returns. reference, step:
        as for the backbone.
        """
        height, width = images.shape[-2:]
        patch = self.config.patch_size
        if height % patch or width % patch:
            raise ValueError(f"sides must be multiples of {patch}, got {width} x {height}")
        camera_tokens = None
        if known is not None:
            relative = Cameras(normalise_cameras(known.world2cam), known.K)
            camera_tokens = self.camera_encoder(code_of_cameras(relative, (width, height)))
        features = self.backbone(normalised(images), camera_tokens, reference, step)
        cameras = cameras_from_code(self.camera_decoder(features.camera), (width, height))
        depth, confidence = self._regress(features.taps, (height // patch, width // patch))
        return SceneOutput(depth, confidence, cameras.world2cam, cameras.K, features.reference)

    def encode(self, images: Tensor) -> Encoded:
        """What the backbone makes of views (S, 3, H, W), RGB in [-1, 1], each alone: tokens (S, P, C) to compare."""
        alone = [self.backbone(image[None]).taps[-1] for image in normalised(images)]
        height, width = images.shape[-2:]
        return Encoded(torch.cat(alone)[..., self.config.width :], (height, width))

    def _regress(self, taps: list[Tensor], grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Depth and confidence, a few views at a time."""
        parts = [self.head(list(some), grid) for some in zip(*(tap.split(HEAD_VIEWS) for tap in taps), strict=True)]
        depth, confidence = (torch.cat(part) for part in zip(*parts, strict=True))
        return depth, confidence


def normalised(images: Tensor) -> Tensor:
    """RGB in [-1, 1] (S, 3, H, W) as the backbone takes it."""
    mean, std = (images.new_tensor(values)[:, None, None] for values in (MEAN, STD))
    return ((images + 1) / 2 - mean) / std
