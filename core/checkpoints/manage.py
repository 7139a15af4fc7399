"""Models on this machine: verified, added, removed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from .catalogue import FILES, UNSTATED, KnownModel, check_model_name, is_synthetic, known_model
from .download import look_up, matches
from .provenance import Origin, read_origin, sha256_of

CHECKING = "Checking the model"


def verify_model(folder: Path, report: Report, online: bool, endpoint: str | None = None) -> str:
    """Compare the sha256 of a model folder's files with those they came with; returns what was found, a sentence.

    What they came with is the folder's origin.json; without one the hub is asked, if the folder is a published model's
    and `online` allows requests. Where nobody says what the files should be, those that are there become the origin,
    so that the next check finds any change. report: bytes done and in all. Raises ModelUnavailable for files that are
    others or missing, InputError where the disk refuses.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ModelUnavailable(f"{folder} holds no {' and no '.join(missing)}; download or add the model again")
    origin, known = read_origin(folder), known_model(folder.name)
    if (origin is None or not origin.sha256) and known is not None and known.repository and online:
        origin = _checked_by_hub(folder, known, report, endpoint)
        origin.save(folder)
        return f"{folder.name} is whole: both files are those of {origin.source}"
    found = _digests(folder, report)
    if origin is None or not origin.sha256:
        _first_origin(origin, known, found).save(folder)
        digest = found[FILES[-1]]
        return f"Nothing says yet what {folder.name} should be; its sha256 ({digest[:16]}...) is kept to compare with"
    _compare(folder, origin, found)
    return f"{folder.name} is whole: its sha256 is still {found[FILES[-1]][:16]}..."


def remove_model(folder: Path, model_folder: Path) -> None:
    """Delete a model that lies among the models; raises InputError for any other folder, and where the disk refuses."""
    if folder.parent.resolve() != model_folder.resolve() or not (folder / FILES[-1]).is_file():
        raise InputError(f"{folder} is no model in {model_folder}; only those there can be removed")
    gone = folder.with_name(f".{folder.name}.removed")  # at no moment half a model under its name
    try:
        shutil.rmtree(gone, ignore_errors=True)
        if folder.is_symlink():
            folder.unlink()
            return
        folder.rename(gone)
        shutil.rmtree(gone)
    except OSError as error:
        raise InputError(f"Cannot remove {folder}: {error.strerror or error}; close what uses it") from error


def _digests(folder: Path, report: Report) -> dict[str, str]:
    total, done = sum((folder / name).stat().st_size for name in FILES), 0

    def step(size: int) -> None:
        nonlocal done
        done += size
        report(CHECKING, done, total)

    return {name: sha256_of(folder / name, step) for name in FILES}


def _compare(folder: Path, origin: Origin, found: dict[str, str]) -> None:
    for name, digest in found.items():
        wanted = origin.sha256.get(name, digest)
        if digest != wanted:
            raise ModelUnavailable(
                f"{folder / name} is not the file that came from {origin.source or 'where it was made'}: its sha256 is "
                f"{digest[:16]}..., not {wanted[:16]}...; remove the model and get it again"
            )


def _checked_by_hub(folder: Path, known: KnownModel, report: Report, endpoint: str | None) -> Origin:
    """The origin of files that are what the hub has; raises ModelUnavailable for others."""
    found = _digests(folder, report)
    for name in FILES:
        remote = look_up(known.repository or "", name, endpoint)
        if not matches(folder / name, remote, lambda done: None):
            raise ModelUnavailable(
                f"{folder / name} is not the file of {known.address}; remove the model and download it again"
            )
    return Origin(known.address, known.licence, known.commercial, found)


def _first_origin(stated: Origin | None, known: KnownModel | None, found: dict[str, str]) -> Origin:
    if stated is not None:
        return replace(stated, sha256=found)
    if known is not None:
        return Origin(known.address, known.licence, known.commercial, found)
    return Origin("", UNSTATED, None, found)


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
