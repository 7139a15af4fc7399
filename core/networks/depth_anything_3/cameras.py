"""Cameras as the network states and reads them: a code of nine numbers, and the layers on both sides of it.

The code: camera position (3), quaternion x, y, z, w of camera-to-world (4), vertical and horizontal field of view (2,
radians). Camera axes are OpenCV's; the principal point is the photo's centre.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ..dust3r.blocks import MLP
from ..kernels import Linear
from .blocks import EPS, Block
from .config import DepthAnything3Config

LEAST_TANGENT = 1e-6  # of half a field of view: the network may state one of 0
LEAST_SPREAD = 0.1  # of known cameras, by which their positions are divided
CODE = 9  # numbers


class Cameras(NamedTuple):
    """S cameras."""

    world2cam: Tensor  # (S, 3, 4), rigid
    K: Tensor  # (S, 3, 3), pixels of the network's images


class CameraDecoder(nn.Module):
    """The backbone's camera feature of each view (S, 2C) -> its code (S, 9)."""

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        width = 2 * config.width
        self.hidden = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.position = nn.Linear(width, 3)
        self.quaternion = nn.Linear(width, 4)
        self.field_of_view = nn.Linear(width, 2)

    def forward(self, features: Tensor) -> Tensor:
        for layer in self.hidden:
            features = relu(layer(features))
        fields = relu(self.field_of_view(features))
        return torch.cat([self.position(features), self.quaternion(features), fields], dim=-1)


class CameraEncoder(nn.Module):
    """Codes of the known cameras of all views (S, 9) -> a token for each (S, C), which then know of each other."""

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        width, heads = config.width, config.camera_encoder_heads
        self.embed = _CodeMLP(width)
        self.embed_norm = nn.LayerNorm(width, EPS)
        self.blocks = nn.ModuleList(
            [Block(width, heads, config.mlp_ratio, EPS) for _ in range(config.camera_encoder_depth)]
        )
        self.norm = nn.LayerNorm(width, EPS)

    def forward(self, codes: Tensor) -> Tensor:
        tokens = self.embed_norm(self.embed(codes))[None]
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[0]


class _CodeMLP(MLP):
    """A code to a token."""

    def __init__(self, width: int) -> None:
        nn.Module.__init__(self)
        self.fc1 = Linear(CODE, width // 2)
        self.fc2 = Linear(width // 2, width)


def cameras_from_code(code: Tensor, size: tuple[int, int]) -> Cameras:
    """The cameras of codes (S, 9); size: (W, H) of the photos, pixels. fx and fy are independent."""
    import roma  # here: training, which loads no such network, may run without the package

    rotation = roma.unitquat_to_rotmat(torch.nn.functional.normalize(code[:, 3:7], dim=-1))
    world2cam = _inverse(torch.cat([rotation, code[:, :3, None]], dim=-1))
    half = code.new_tensor(size[::-1]) / 2  # vertical, horizontal
    fy, fx = (half / (code[:, 7:] / 2).tan().clamp(min=LEAST_TANGENT)).unbind(-1)
    K = torch.zeros(len(code), 3, 3, dtype=code.dtype, device=code.device)
    K[:, 0, 0], K[:, 1, 1], K[:, 2, 2] = fx, fy, 1
    K[:, 0, 2], K[:, 1, 2] = size[0] / 2, size[1] / 2
    return Cameras(world2cam, K)


def code_of_cameras(cameras: Cameras, size: tuple[int, int]) -> Tensor:
    """The codes (S, 9) of cameras, w of the quaternion not negative; their principal points are not looked at."""
    cam2world = _inverse(cameras.world2cam)
    import roma

    quaternion = roma.rotmat_to_unitquat(cam2world[:, :, :3])
    quaternion = torch.where(quaternion[:, 3:] < 0, -quaternion, quaternion)
    focal = torch.stack([cameras.K[:, 1, 1], cameras.K[:, 0, 0]], dim=-1)
    fields = 2 * (focal.new_tensor(size[::-1]) / 2 / focal).atan()
    return torch.cat([cam2world[:, :, 3], quaternion, fields], dim=-1)


def normalise_cameras(world2cam: Tensor) -> Tensor:
    """(S, 3, 4) in the first camera's frame, divided by the median distance from it, at least LEAST_SPREAD.

    The median is over all views, the first (0) among them, the lower one of two.
    """
    first = _inverse(world2cam[:1])
    rotation = world2cam[:, :, :3] @ first[:, :, :3]
    translation = world2cam[:, :, :3] @ first[:, :, 3:] + world2cam[:, :, 3:]
    spread = translation.norm(dim=(1, 2)).median().clamp(min=LEAST_SPREAD)  # |t| is the centre's distance
    return torch.cat([rotation, translation / spread], dim=-1)


def _inverse(rigid: Tensor) -> Tensor:
    """Of rigid transforms (S, 3, 4)."""
    rotation = rigid[:, :, :3].transpose(1, 2)
    return torch.cat([rotation, -rotation @ rigid[:, :, 3:]], dim=-1)
