"""A checkpoint of one's own as one more model folder: checked strictly, then copied or converted."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError, ModelUnavailable
from .files import check_writable
from .known_models import UNSTATED, check_model_name, is_synthetic, known_model
from .model.checkpoint_file import CONFIG, WEIGHTS, CheckpointFile, read_checkpoint
from .model.dust3r import DUSt3R
from .model.names import published_name
from .model.weights import build_network
from .origin import Origin, read_origin, sha256_of
from .progress import Report
from .training.export import describe
from .training.tensor_file import write_tensors

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


def _check_name(name: str, file: CheckpointFile, network: DUSt3R) -> None:
    """A published model's name is for that model."""
    known = known_model(name)
    if known is None or name != known.name:
        check_model_name(name)
        return
    size, head = file.config.image_size, file.config.head
    count = sum(parameter.numel() for parameter in network.parameters())
    # the published counts include the mask token, which inference does not use
    if (size, count + file.config.decoder_width) != (known.image_size, known.parameters) or head not in name:
        raise InputError(
            f"{file.weights} is not {known.title}: it has {count:,} parameters, a {head} head and {size} pixels; give "
            "it another name"
        )


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder that appears as `target` when the block ends well, and is gone otherwise."""
    partial = target.with_name(f".{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}; free some space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(file: CheckpointFile, network: DUSt3R, folder: Path) -> None:
    """A .safetensors file byte by byte, so that it keeps its sha256; anything else converted."""
    if file.weights.suffix.lower() == ".safetensors":
        shutil.copyfile(file.weights, folder / WEIGHTS)
        shutil.copyfile(file.weights.with_name(CONFIG), folder / CONFIG)
        return
    tensors = {published_name(name): value for name, value in network.state_dict().items()}
    write_tensors(folder / WEIGHTS, tensors, {"format": "pt"})
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
