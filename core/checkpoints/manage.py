"""A checkpoint put among the models of this machine, once it is a whole network. Imports torch."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file

from ..errors import InputError, ModelUnavailable, first_line
from ..io.atomic import check_writable
from ..networks.checkpoint_file import CONFIG, WEIGHTS, CheckpointFile, read_checkpoint
from ..networks.dust3r.config import ModelConfig, describe
from ..networks.dust3r.names import published_name
from ..networks.network import Network
from ..networks.weights import build_network
from ..progress import Report
from .catalogue import UNSTATED, check_model_name, is_synthetic, known_model
from .provenance import Origin, read_origin, sha256_of

ADDING = "Adding the model"


def add_model(
    source: Path, model_folder: Path, report: Report, name: str = "", licence: str = "", commercial: bool | None = None
) -> Path:
    """Put a checkpoint (see `read_checkpoint`) among the models and return its folder; `source` stays as it is.

    name: of the new model ("": as the source is called); that of a published model only for what fits it. licence and
    commercial: as the user knows them, where the source's own origin.json or the published model's entry does not say.
    report: three steps. Raises ModelUnavailable for what is no whole checkpoint, InputError for a name or a place that
    cannot be used; nothing is left then.
    """
    report(ADDING, 0, 3)
    file = read_checkpoint(source)
    called = name or file.name
    target = model_folder / called
    if target.exists():
        raise InputError(f"There is a model {target} already; choose another name, nothing is overwritten")
    try:
        network = build_network(file.config, file.state)
    except ValueError as error:
        raise ModelUnavailable(f"{file.weights}: {error}; choose another file") from error
    _check_name(called, file, network)
    check_writable(target)
    report(ADDING, 1, 3)
    with _whole(target) as partial:
        _write(file, network, partial)
        report(ADDING, 2, 3)
        digests = {part: sha256_of(partial / part) for part in (CONFIG, WEIGHTS)}
        _origin(file, source.name, target.name, licence, commercial, digests).save(partial)
    report(ADDING, 3, 3)
    return target


def _check_name(name: str, file: CheckpointFile, network: Network) -> None:
    """A published model's name is for that model."""
    known = known_model(name)
    if known is None or name != known.name:
        check_model_name(name)
        return
    size, count = file.config.image_size, _published_parameters(file, network)
    head = f"a {file.config.head} head and " if isinstance(file.config, ModelConfig) else ""
    fits = not isinstance(file.config, ModelConfig) or file.config.head in name
    if (size, count) != (known.image_size, known.parameters) or not fits:
        raise InputError(
            f"{file.weights} is not {known.title}: it has {count:,} parameters, {head}{size} pixels; give it another "
            "name"
        )


def _published_parameters(file: CheckpointFile, network: Network) -> int:
    """As published counts have it: of DUSt3R with the mask token, of Depth Anything 3 with the rays' layers."""
    if isinstance(file.config, ModelConfig):
        return sum(parameter.numel() for parameter in network.parameters()) + file.config.decoder_width
    return sum(value.numel() for value in file.state.values())


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder that appears as `target` when the block ends well, and is gone otherwise."""
    partial = target.with_name(f".{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(target)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise InputError(f"Cannot write {target}: {reason}; free some space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(file: CheckpointFile, network: Network, folder: Path) -> None:
    """A .safetensors file byte by byte, so that it keeps its sha256; anything else converted."""
    if file.weights.suffix.lower() == ".safetensors":
        shutil.copyfile(file.weights, folder / WEIGHTS)
        shutil.copyfile(file.weights.with_name(CONFIG), folder / CONFIG)
        return
    assert isinstance(network.config, ModelConfig)  # no other family has another form
    tensors = {published_name(name): value.contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(describe(network.config), indent=2), encoding="utf-8")


def _origin(
    file: CheckpointFile, source: str, name: str, licence: str, commercial: bool | None, digests: dict[str, str]
) -> Origin:
    """Of a checkpoint that was called `source` and is to be called `name`."""
    stated, known = read_origin(file.weights.parent), known_model(name)
    if known is not None:
        return Origin(source, known.licence, known.commercial, digests, known.synthetic)
    synthetic = is_synthetic(file.weights) or None
    if stated is not None and not licence:
        return Origin(stated.source or source, stated.licence, stated.commercial, digests, synthetic)
    return Origin(source, licence or UNSTATED, commercial, digests, synthetic)
