"""What a model folder says of itself: where it came from, under which licence, and its files' sha256. No torch."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import InputError
from ..io.atomic import open_regular, write_json
from ..io.validation import record_of

FILE = "origin.json"
CHUNK = 1 << 20  # bytes between two calls of `step`
LONGEST = 1 << 20  # bytes; a real one has a few hundred

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model came from."""

    source: str  # an address, the name of a file, or the model it was made from
    licence: str
    commercial: bool | None  # whether the licence allows commercial use; None: not known
    sha256: Mapping[str, str] = field(default_factory=dict)  # hexadecimal, by the file's name in the folder
    synthetic: bool | None = None  # whether it was trained on synthetic scenes alone; None: not stated

    def save(self, folder: Path) -> None:
        """Write it into a model folder; raises InputError when that is not possible."""
        write_json(folder / FILE, asdict(self))


def read_origin(folder: Path) -> Origin | None:
    """The origin that a model folder states; None where it states none that can be read."""
    path = folder / FILE
    try:
        with open_regular(path) as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise ValueError("it is too long")
        origin = record_of(Origin, json.loads(text))
        if not all(isinstance(text, str) for text in origin.sha256.values()):
            raise ValueError("a sha256 is no text")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        log.warning("%s cannot be read (%s)", path, error)
        return None
    return origin


def sha256_of(path: Path, step: Callable[[int], None] = lambda size: None) -> str:
    """Hexadecimal, of a file's content. step: called with the bytes that were read since; may raise Cancelled.

    Raises InputError when the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open_regular(path) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                step(len(chunk))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}; get the model again") from error
    return digest.hexdigest()
