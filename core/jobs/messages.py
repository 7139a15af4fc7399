"""What a worker process says on its standard output: one JSON object a line. Imports no torch.

Every message is a frozen dataclass; on the line it carries its class name and the protocol's version.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, get_args

from ..errors import ReconstructionError
from ..io.validation import record_of

PROTOCOL = 2


@dataclass(frozen=True, slots=True)
class ProgressMessage:
    """How far the job is; sent at most a few times a second."""

    stage: str
    done: int
    total: int
    share: float  # of the whole job, 0 to 1
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class WarningMessage:
    """Something the user should know; the job goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class PhotosMessage:
    """These photos have come so far."""

    state: str  # read, predicted or placed (core/pipeline/observer.py)
    photos: tuple[str, ...]  # as the job names them


@dataclass(frozen=True, slots=True)
class PreviewMessage:
    """How the world looks by now; at most one a second."""

    path: str  # a Preview's file (core/reconstruction/preview.py), always the same, whole at any time


@dataclass(frozen=True, slots=True)
class ResultMessage:
    """The job is done; the last message of a good run."""

    path: str  # the folder or file that holds the result


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """The job failed; the last message of a bad run."""

    text: str  # one sentence for the user
    exit_code: int


class NoMessage(ReconstructionError):
    """A line that a library, or the program around the worker, has written."""


Message = ProgressMessage | WarningMessage | PhotosMessage | PreviewMessage | ResultMessage | ErrorMessage
_KINDS = {kind.__name__: kind for kind in get_args(Message)}


def encode(message: Message) -> str:
    """One line, without its end."""
    return json.dumps({"protocol": PROTOCOL, "kind": type(message).__name__, **asdict(message)})


def decode(line: str) -> Message:
    """The message of one line; raises NoMessage for what is none, ReconstructionError for another version's."""
    try:
        fields: dict[str, Any] = json.loads(line)
        version, kind = fields.pop("protocol"), _KINDS[fields.pop("kind")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoMessage(f"The worker said something that is no message: {line[:200]!r}") from error
    if version != PROTOCOL:
        raise ReconstructionError(
            f"The worker speaks protocol {version}, this extension {PROTOCOL}; use the same version on both sides"
        )
    try:
        return record_of(kind, fields)
    except TypeError as error:
        raise ReconstructionError(f"The worker's {kind.__name__} is malformed: {line[:200]!r}") from error
