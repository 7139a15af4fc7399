"""Reading checkpoint files without running anything that is in them."""

import argparse
import pickle
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import ModelUnavailable, first_line
from .configs import NetworkConfig, config_from_json
from .dust3r.config import CONFIG, WEIGHTS, ModelConfig

SWELLING = 2  # times its own size that an archive may unpack to; torch's own writer does not compress at all
LARGEST_CONFIG = 1 << 20  # bytes; a real one has about 400
# What torch's reader raises on files that are damaged or not its own.
_DAMAGE = (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError, OSError)
_DAMAGE += (zipfile.BadZipFile, struct.error, MemoryError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A checkpoint as it lies on disk: nothing checked yet but that it could be read."""

    name: str  # of the model, from the folder or file
    weights: Path  # the file with the weights
    config: NetworkConfig  # as described; widths of a DPT head are not in the description
    state: dict[str, Tensor]  # published names, on the CPU, in the file's precision


def read_checkpoint(path: Path) -> CheckpointFile:
    """A folder with config.json and model.safetensors, a .safetensors file beside a config.json, or a .pth file.

    A .pth is read as data only: {"args": Namespace(model=text), "model": tensors}, where the text is parsed and never
    run. Raises ModelUnavailable for anything else, damage included.
    """
    if path.is_dir():
        return _read_safetensors(path / WEIGHTS, path.resolve().name)
    if not path.is_file():
        raise ModelUnavailable(f"There is no model at {path}; choose a folder or a .safetensors or .pth file")
    if path.suffix.lower() == ".safetensors":
        name = path.resolve().parent.name if path.name == WEIGHTS else path.stem
        return _read_safetensors(path, name)
    return _read_pickle(path)


def _read_safetensors(weights: Path, name: str) -> CheckpointFile:
    description = weights.with_name(CONFIG)
    for file in (description, weights):
        if not file.is_file():
            raise ModelUnavailable(
                f"{weights.parent} holds no {file.name}; a model folder needs {CONFIG} and {WEIGHTS}"
            )
    try:
        if description.stat().st_size > LARGEST_CONFIG:
            raise ModelUnavailable(f"{description} is too large for a description of a model; download it again")
        config = config_from_json(description.read_text(encoding="utf-8"), str(description))
        # Copied out of the mapped file: else the process dies when somebody overwrites or unmounts it.
        return CheckpointFile(name, weights, config, {key: value.clone() for key, value in load_file(weights).items()})
    except (SafetensorError, *_DAMAGE) as error:
        raise _damaged(weights, error) from error


def _read_pickle(path: Path) -> CheckpointFile:
    try:
        _check_archive(path)
        with _namespace_allowed():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelUnavailable(
            f"{path} is no checkpoint that can be read as plain data: it is damaged, foreign or holds code, so it was "
            "refused and nothing of it was run; use a .safetensors file instead"
        ) from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    args, state = _parts(content, path)
    return CheckpointFile(path.stem, path, ModelConfig.from_args_text(args, f"{path}"), state)


def _check_archive(path: Path) -> None:
    """Refuse, by what its index says, an archive that would unpack to far more than it is."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > SWELLING * path.stat().st_size:
        raise ModelUnavailable(f"{path} would unpack to {unpacked >> 20} MB, as no checkpoint does; it was refused")


def _parts(content: Any, path: Path) -> tuple[str, dict[str, Tensor]]:
    """The constructor text and the tensors of a .pth's content."""
    if isinstance(content, dict):
        text, state = getattr(content.get("args"), "model", None), content.get("model")
        if isinstance(text, str) and isinstance(state, dict):
            return text, {str(name): value for name, value in state.items()}
    raise ModelUnavailable(
        f'{path} holds other data than a DUSt3R checkpoint ("args" with the model\'s text, and "model" with its '
        "weights); choose a DUSt3R, MonST3R or MASt3R checkpoint"
    )


@contextmanager
def _namespace_allowed() -> Iterator[None]:
    """Let torch's data-only reader accept argparse.Namespace, a plain record, within the block and not beyond."""
    serialization = torch.serialization
    if hasattr(serialization, "safe_globals"):  # torch 2.5
        with serialization.safe_globals([argparse.Namespace]):
            yield
        return
    before = serialization.get_safe_globals()
    serialization.add_safe_globals([argparse.Namespace])
    try:
        yield
    finally:
        serialization.clear_safe_globals()
        serialization.add_safe_globals(before)


def _damaged(path: Path, error: BaseException) -> ModelUnavailable:
    return ModelUnavailable(
        f"{path} cannot be read: it is damaged or no checkpoint ({first_line(error)}); download it again"
    )
