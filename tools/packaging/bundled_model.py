"""A published model inside the zip, where its licence allows that: its files, its origin, and the licence's text."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

from wheel_set import PackagingError

ROOT = Path(__file__).resolve().parents[2]
LICENCES = Path(__file__).resolve().parent / "licences"  # texts by the catalogue's names of licences
WEIGHTS, LICENCE = "model.safetensors", "LICENSE.txt"

sys.path.insert(0, str(ROOT))

from headless import import_package  # noqa: E402


def find_model(name: str, model_folder: Path | None = None) -> Path:
    """The folder of a published model on this machine, checked to be just that.

    model_folder: where models are kept (None: this user's). Raises PackagingError for a model that is not here, that
    has other weights than the catalogue says, or whose licence does not let anybody pass it on for any use.
    """
    import_package()
    catalogue, local, provenance, errors = (
        importlib.import_module(f"dust3r.core.{name}")
        for name in ("checkpoints.catalogue", "checkpoints.local", "checkpoints.provenance", "errors")
    )
    known = catalogue.known_model(name)
    if known is None or not known.repository or not known.commercial or not known.sha256:
        free = [model.name for model in catalogue.KNOWN_MODELS if model.sha256 and model.commercial]
        raise PackagingError(f"{name!r} cannot go into the zip: only {' and '.join(free)} may, by their licence.")
    try:
        folder = local.find_model(known.name, model_folder)
        found = provenance.sha256_of(folder / WEIGHTS)
    except errors.ReconstructionError as error:
        raise PackagingError(f"{error}.") from error
    if found != known.sha256:
        raise PackagingError(f"{folder / WEIGHTS} is not the published file (sha256 {found[:16]}…): download it again.")
    return folder


def stage_model(model: Path, licence: str, folder: Path) -> None:
    """Lay a model's files into the zip's models/ folder, beside the text of its licence."""
    target = folder / "models" / model.name
    target.mkdir(parents=True)
    for name in ("config.json", WEIGHTS, "origin.json"):
        if (model / name).is_file():
            shutil.copyfile(model / name, target / name)
    shutil.copyfile(LICENCES / f"{licence}.txt", target / LICENCE)


def licence_of(model: Path) -> str:
    """The name of a model's licence."""
    return importlib.import_module("dust3r.core.checkpoints.catalogue").terms_of(model)[0]
