"""Models on this machine: their files compared with those they came with, and removed. Imports no torch."""

import shutil
from dataclasses import replace
from pathlib import Path

from ..errors import InputError, ModelUnavailable
from ..progress import Report
from .catalogue import FILES, UNSTATED, KnownModel, known_model
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
