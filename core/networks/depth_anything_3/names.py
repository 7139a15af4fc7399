"""The published names of our parameters, and of the published ones that we do not use. Imports no torch."""

import re

from .config import DepthAnything3Config

# Ours -> published, applied in order. Only what the table names differs; inner names are the same on both sides.
_PUBLISHED = (
    (r"^backbone\.", "backbone.pretrained."),
    (r"^camera_encoder\.embed\.", "cam_enc.pose_branch."),
    (r"^camera_encoder\.embed_norm\.", "cam_enc.token_norm."),
    (r"^camera_encoder\.blocks\.", "cam_enc.trunk."),
    (r"^camera_encoder\.norm\.", "cam_enc.trunk_norm."),
    (r"^camera_decoder\.hidden\.(\d)\.", lambda match: f"cam_dec.backbone.{2 * int(match[1])}."),
    (r"^camera_decoder\.position\.", "cam_dec.fc_t."),
    (r"^camera_decoder\.quaternion\.", "cam_dec.fc_qvec."),
    (r"^camera_decoder\.field_of_view\.", "cam_dec.fc_fov.0."),
    (r"^head\.reduce\.", "head.projects."),
    (r"^head\.resize\.", "head.resize_layers."),
    (r"^head\.project\.(\d)\.", lambda match: f"head.scratch.layer{int(match[1]) + 1}_rn."),
    (r"^head\.fuse\.(\d)\.", lambda match: f"head.scratch.refinenet{int(match[1]) + 1}."),
    (r"^head\.before_output\.", "head.scratch.output_conv1."),
    (r"^head\.output\.", "head.scratch.output_conv2."),
    (r"(refinenet\d)\.skip\.", r"\1.resConfUnit1."),
    (r"(refinenet\d)\.refine\.", r"\1.resConfUnit2."),
    (r"(refinenet\d)\.out\.", r"\1.out_conv."),
)
RAY_CHANNELS = 7  # direction, origin, confidence


def published_name(name: str) -> str:
    """The name that the published file gives to our parameter `name`."""
    for pattern, replacement in _PUBLISHED:
        name = re.sub(pattern, replacement, name)
    return f"model.{name}"


def canonical_name(name: str) -> str:
    """The one name of a tensor that the published network has under four; its file holds the first alone."""
    return re.sub(r"(output_conv2_aux)\.[1-3]\.2\.", r"\1.0.2.", name)


def ray_shapes(config: DepthAnything3Config) -> dict[str, tuple[int, ...]]:
    """The published tensors of the chain that gives rays, which we leave out: a whole file has them."""
    f, half, last = config.features, config.features // 2, config.output_width
    shapes: dict[str, tuple[int, ...]] = {}

    def convolution(name: str, channels_in: int, channels_out: int, side: int) -> None:
        shapes[f"model.head.scratch.{name}.weight"] = (channels_out, channels_in, side, side)
        shapes[f"model.head.scratch.{name}.bias"] = (channels_out,)

    for level in (1, 2, 3, 4):
        convolution(f"refinenet{level}_aux.out_conv", f, f, 1)
        for unit in (1, 2) if level < 4 else (2,):
            for k in (1, 2):
                convolution(f"refinenet{level}_aux.resConfUnit{unit}.conv{k}", f, f, 3)
    for level in range(4):
        for k in range(5):
            convolution(f"output_conv1_aux.{level}.{k}", *((half, f) if k % 2 else (f, half)), 3)
        convolution(f"output_conv2_aux.{level}.0", half, last, 3)
        convolution(f"output_conv2_aux.{level}.5", last, RAY_CHANNELS, 1)
    return shapes | {f"model.head.scratch.output_conv2_aux.0.2.{kind}": (last,) for kind in ("weight", "bias")}
