"""A run as it lies on disk, to be taken up again: weights, their average, the optimiser's moments, and where it is."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.io.atomic import write_json
from .ema import MovingAverage
from .parts import Part, drop_other_parts, read_parts, write_parts

STATE = "state.json"  # lists the parts; written last, so that it never names a part that is not whole
FORMAT = 1


@dataclass(slots=True)
class Position:
    """How far a run is. All chance hangs on batch numbers, so nothing else has to be remembered."""

    stage: int = 0  # index of the stage
    steps: int = 0  # updates in it
    minutes: float = 0.0  # of training in it
    updates: int = 0  # of all stages
    pairs: int = 0  # decoded in training, of all stages and processes
    total_minutes: float = 0.0
    averaged: int = 0  # updates that the moving average has seen
    best: float | None = None  # lowest held-out loss of this stage
    synthetic: bool = False  # nothing but synthetic scenes went into the run's weights


@dataclass(frozen=True, slots=True)
class SavedState:
    """What `load_state` found."""

    position: Position
    tensors: dict[str, Tensor]  # on the CPU; names of `pack`


def save_state(folder: Path, position: Position, tensors: Mapping[str, Tensor], part_bytes: int) -> None:
    """Put a state under the folder, whole or not at all, then drop the one before.

    part_bytes: most bytes of a file; 0: no limit. Raises InputError where it cannot be written.
    """
    whole = save({name: value.detach().contiguous() for name, value in tensors.items()})
    parts = write_parts(folder, f"state-{position.updates}", whole, part_bytes)
    content = {"format": FORMAT, "position": asdict(position), "parts": [asdict(part) for part in parts]}
    write_json(folder / STATE, content)
    drop_other_parts(folder, "state", parts)


def load_state(folder: Path) -> SavedState | None:
    """The folder's last state; None where there is none. Raises InputError for a damaged or incomplete one."""
    path = folder / STATE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise InputError(f"{path} was written by another version (format {content['format']}, ours is {FORMAT})")
        position, parts = Position(**content["position"]), [Part(**part) for part in content["parts"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {error}; copy it again with all parts of the run") from error
    return SavedState(position, load(read_parts(folder, parts)))


def pack(learner: nn.Module, optimizer: torch.optim.Optimizer, average: MovingAverage) -> dict[str, Tensor]:
    """All tensors that the next update depends on, by name."""
    tensors = {f"weights/{name}": value for name, value in learner.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in average.shadow.items()}
    for name, parameter in learner.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer/{key}/{name}"] = value
    return tensors


def unpack(
    tensors: Mapping[str, Tensor], learner: nn.Module, optimizer: torch.optim.Optimizer, average: MovingAverage
) -> None:
    """Undo `pack` into a learner, optimiser and average that were just made."""
    learner.load_state_dict(named(tensors, "weights/"))
    for name, value in named(tensors, "average/").items():
        average.shadow[name].copy_(value)
    for name, parameter in learner.named_parameters():
        found = {key: tensors.get(f"optimizer/{key}/{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
        if found["step"] is not None:
            optimizer.state[parameter] = _moments(found, parameter, optimizer)


def _moments(found: dict[str, Tensor | None], like: Tensor, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    fused = optimizer.defaults.get("fused")
    return {
        key: value.clone() if key == "step" and not fused else value.to(like.device)
        for key, value in found.items()
        if value is not None
    }


def named(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
