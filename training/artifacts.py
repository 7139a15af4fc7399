"""A run for a machine that gives back few and small files: its newest model in parts, all else in one archive.

Imports no torch.
"""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

from ..core.errors import InputError
from ..core.io.atomic import check_writable, replacing
from ..core.networks.dust3r.config import WEIGHTS
from .parts import Part, drop_other_parts, read_parts, write_parts

ARCHIVE = "run.zip"
PARTS = "parts.json"  # in the archive: those of the weights that it belongs to
KIND = "weights"  # how the parts' names begin


def check_artifacts(folder: Path, resume: bool) -> None:
    """Raise InputError for a folder that cannot be written or, unless resumed, holds another run's artifacts."""
    if not resume and (folder / ARCHIVE).exists():
        raise InputError(f"{folder} holds the artifacts of a run already; name another folder")
    check_writable(folder / ARCHIVE)


def write_artifacts(folder: Path, run: Path, model: Path | None, updates: int, part_bytes: int) -> None:
    """Put a run's logs and its newest model (None: none yet) under the folder, then drop the model before.

    updates: of the run so far. part_bytes: most bytes of a part of the weights; 0: one file. The archive is written
    last, and names the parts that it belongs to. Raises InputError where something cannot be written.
    """
    files, parts = (
        [path for path in sorted(run.iterdir()) if path.suffix in (".csv", ".png") or path.name == "run.json"],
        [],
    )
    if model is not None:
        files += [path for path in sorted(model.iterdir()) if path.name != WEIGHTS]
        parts = write_parts(folder, f"{KIND}-{updates}", (model / WEIGHTS).read_bytes(), part_bytes)
    with replacing(folder / ARCHIVE) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.name)
        archive.writestr(PARTS, json.dumps([asdict(part) for part in parts]))
    drop_other_parts(folder, KIND, parts)


def read_artifacts(folder: Path, model: Path) -> None:
    """Put a model's folder together again, with the logs of its run beside the weights.

    Raises InputError where the model's folder exists, or artifacts are missing or damaged.
    """
    if model.exists():
        raise InputError(f"There is {model} already; name a new folder")
    source = folder / ARCHIVE
    try:
        with zipfile.ZipFile(source) as archive:
            content = {Path(name).name: archive.read(name) for name in archive.namelist()}
        parts = [Part(**part) for part in json.loads(content.pop(PARTS))]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{source} cannot be read: {error}; copy it again with all parts") from error
    if not parts:
        raise InputError(f"{source} is of a run that had no model yet; there is nothing to put together")
    content[WEIGHTS] = read_parts(folder, parts)
    for name, data in content.items():
        with replacing(model / name) as file:
            file.write(data)
