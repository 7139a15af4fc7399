"""The published names of our parameters. Imports no torch."""

import re
from collections.abc import Mapping

from .config import DPTWidths

# Ours -> published, applied in order. Only what the table names differs; inner names are the same on both sides.
_PUBLISHED = (
    (r"^encoder\.", "enc_blocks."),
    (r"^encoder_norm\.", "enc_norm."),
    (r"^decoder_1\.", "dec_blocks."),
    (r"^decoder_2\.", "dec_blocks2."),
    (r"^decoder_norm\.", "dec_norm."),
    (r"^head_(\d)\.proj\.", r"downstream_head\1.proj."),
    (r"^head_(\d)\.", r"downstream_head\1.dpt."),
    (r"\.reassemble\.", ".act_postprocess."),
    (r"\.project\.(\d)\.", lambda match: f".scratch.layer{int(match[1]) + 1}_rn."),
    (r"\.fuse\.(\d)\.", lambda match: f".scratch.refinenet{int(match[1]) + 1}."),
    (r"(refinenet\d)\.skip\.", r"\1.resConfUnit1."),
    (r"(refinenet\d)\.refine\.", r"\1.resConfUnit2."),
    (r"(refinenet\d)\.out\.", r"\1.out_conv."),
)
# In published files, but no part of what we compute: CroCo's pre-training, tables of other position codes, and
# MASt3R's descriptors.
_UNUSED = re.compile(
    r"mask_token|(enc|dec|decoder)_pos_embed|prediction_head\..*|downstream_head[12]\.head_local_features\..*"
)


def published_name(name: str) -> str:
    """The name that published checkpoints give to our parameter `name`."""
    for pattern, replacement in _PUBLISHED:
        name = re.sub(pattern, replacement, name)
    return name


def canonical_name(name: str) -> str:
    """The one name of a tensor that published files list under two."""
    return re.sub(r"\.scratch\.layer_rn\.([0-3])\.", lambda match: f".scratch.layer{int(match[1]) + 1}_rn.", name)


def is_unused(name: str) -> bool:
    """Whether a published tensor is one that inference never reads."""
    return _UNUSED.fullmatch(name) is not None


def dpt_widths(shapes: Mapping[str, tuple[int, ...]]) -> DPTWidths:
    """The widths of a DPT head, read from its tensors' shapes under their published, canonical names.

    Raises KeyError, naming the tensor, where one is missing, and ValueError where one is no convolution's.
    """
    head = "downstream_head1.dpt."
    a, b, c, d = (_channels(shapes, f"{head}act_postprocess.{level}.0.weight") for level in range(4))
    features = _channels(shapes, f"{head}scratch.layer1_rn.weight")
    return DPTWidths((a, b, c, d), features, _channels(shapes, f"{head}head.2.weight"))


def _channels(shapes: Mapping[str, tuple[int, ...]], name: str) -> int:
    if len(shapes[name]) != 4 or not 1 <= shapes[name][0] <= 16384:
        raise ValueError(f"{name} has shape {shapes[name]}")
    return shapes[name][0]
