"""From a checkpoint to a network that is ready to run: every tensor named, shaped and finite, or one clear refusal."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .configs import NetworkConfig
from .depth_anything_3 import names as depth_anything_3_names
from .depth_anything_3.config import DepthAnything3Config
from .dust3r import names as dust3r_names
from .dust3r.config import DPTWidths
from .network import Network, make_network

STORED = (torch.float16, torch.bfloat16, torch.float32, torch.float64)  # what weights may be stored as
SHOWN = 3  # names listed in an error before "and N more"


def build_network(config: NetworkConfig, state: Mapping[str, Any]) -> Network:
    """The network of a description with the tensors of a published state dict, in float32, on their device.

    Strict: each tensor used or known to be unused, none missing, shapes as described, values finite. The widths of
    DUSt3R's DPT head are read from the tensors. A float32 tensor is not copied. Raises ValueError.
    """
    unused: Mapping[str, tuple[int, ...]] = {}  # that a whole file holds and we do not compute with
    if isinstance(config, DepthAnything3Config):
        names, found = depth_anything_3_names, _tensors(state, depth_anything_3_names.canonical_name)
        unused = depth_anything_3_names.ray_shapes(config)
    else:
        names, found = dust3r_names, _of_dust3r(state)
        if config.head == "dpt":
            config = replace(config, dpt=_dpt_widths(found))
    with torch.device("meta"):  # shapes only: no time or memory for values that are replaced at once
        network = make_network(config)
    ours = {names.published_name(name): name for name in network.state_dict()}
    expected = {names.published_name(name): tuple(value.shape) for name, value in network.state_dict().items()}
    _check(found, expected | unused)
    values = {ours[name]: value.to(torch.float32) for name, value in found.items() if name in ours}
    network.load_state_dict(values, strict=True, assign=True)
    return network


def _of_dust3r(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors that inference reads. Without a second decoder (CroCo) the first serves for both."""
    read = {name: value for name, value in state.items() if not dust3r_names.is_unused(name)}
    found = _tensors(read, dust3r_names.canonical_name)
    if not any(name.startswith("dec_blocks2.") for name in found):
        first = [name for name in found if name.startswith("dec_blocks.")]
        found |= {re.sub(r"^dec_blocks\.", "dec_blocks2.", name): found[name].clone() for name in first}
    return found


def _tensors(state: Mapping[str, Any], canonical_name: Callable[[str], str]) -> dict[str, Tensor]:
    """Each tensor under one name."""
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided or not value.is_floating_point():
            raise ValueError(f"{name[:80]} is not a plain tensor of real numbers")
        if value.dtype not in STORED:
            kinds = ", ".join(str(kind).removeprefix("torch.") for kind in STORED)
            raise ValueError(f"{name[:80]} is stored as {str(value.dtype).removeprefix('torch.')}, not one of {kinds}")
        once = canonical_name(name)
        if once in found and not torch.equal(found[once], value):
            raise ValueError(f"{name} and {once} should be the same weights and are not")
        found[once] = value
    return found


def _dpt_widths(found: Mapping[str, Tensor]) -> DPTWidths:
    try:
        return dust3r_names.dpt_widths({name: tuple(value.shape) for name, value in found.items()})
    except KeyError as error:
        raise ValueError(f"its description says DPT head, but {error} is missing") from error


def _check(found: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    shapes = {name: tuple(found[name].shape) for name in expected if name in found}
    misshapen = [f"{name} is {shapes[name]}, not {expected[name]}" for name in shapes if shapes[name] != expected[name]]
    kinds = {"are missing": missing, "are unknown": unknown, "have another shape": misshapen}
    if wrong := [f"{len(names)} {kind} ({_some(names)})" for kind, names in kinds.items() if names]:
        raise ValueError("of the weights that its description asks for, " + ", ".join(wrong))
    bad = [name for name, value in found.items() if not torch.isfinite(value).all()]
    if bad:
        raise ValueError(f"{len(bad)} of its weights hold values that are not finite ({_some(bad)})")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(name[:120] for name in names[:SHOWN]) + more
