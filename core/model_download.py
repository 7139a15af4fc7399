"""How a known model gets onto this machine: fetched and checked, or copied by hand. No torch."""

from pathlib import Path

from .checkpoints import how_to_get, locate
from .download import RemoteFile, fetch, look_up
from .errors import ModelUnavailable
from .known_models import KnownModel
from .origin import Origin, sha256_of
from .progress import Report

STAGE = "Downloading the model"


def download_model(
    known: KnownModel, model_folder: Path, report: Report, online: bool, endpoint: str | None = None
) -> Path:
    """Bring a known model into `model_folder` and return its folder; at once if it is present.

    Resumes where an earlier try broke off; a file gets its name only when it is whole and its checksum right. report:
    bytes done and in all; raise Cancelled in it to stop. online: whether requests are allowed. endpoint: another hub
    than the usual one. Raises ModelUnavailable, or InputError where the disk refuses.
    """
    present = locate(known, model_folder)
    if present is not None:
        return present
    if known.repository is None:
        raise ModelUnavailable(how_to_get(known))
    if not online:
        raise ModelUnavailable(
            f"{known.title} cannot be downloaded while online access is off; allow it in Blender's preferences under "
            f"System, Network, or copy the files by hand: {' '.join(copying_steps(known, model_folder))}"
        )
    folder = model_folder / known.name
    remote = [look_up(known.repository, name, endpoint) for name in known.files]
    _fetch_all(remote, folder, report)
    Origin(known.address, known.licence, known.commercial, _digests(remote, folder)).save(folder)
    return folder


def copying_steps(known: KnownModel, model_folder: Path) -> tuple[str, ...]:
    """What to copy where, a sentence each, for a machine that is not online; none for a model of this package."""
    if known.repository is None:
        return ()
    addresses = " and ".join(f"{known.address}/resolve/main/{name}" for name in known.files)
    return (
        f"On a machine that is online, fetch {addresses}.",
        f"Copy {' and '.join(known.files)} into the folder {model_folder / known.name}.",
    )


def _digests(remote: list[RemoteFile], folder: Path) -> dict[str, str]:
    """sha256 by file name, of files that were checked as they arrived; git's sha1 of small ones is none."""
    return {one.name: one.checksum if len(one.checksum) == 64 else sha256_of(folder / one.name) for one in remote}


def _fetch_all(remote: list[RemoteFile], folder: Path, report: Report) -> None:
    total, before = sum(file.size for file in remote), 0
    for file in remote:
        done_before = before
        fetch(file, folder / file.name, lambda done, start=done_before: report(STAGE, start + done, total))
        before += file.size
