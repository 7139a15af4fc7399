"""What a worker says arrives as it was meant, and nothing else does."""

import json

import pytest
from dust3r.core.errors import ReconstructionError
from dust3r.core.protocol import (
    PROTOCOL,
    ErrorMessage,
    PhotosMessage,
    PreviewMessage,
    ProgressMessage,
    ResultMessage,
    WarningMessage,
    decode,
    encode,
)

MESSAGES = [
    ProgressMessage("Aligning", 3, 10, 0.5, None),
    ProgressMessage("Aligning", 3, 10, 0.5, 12.5),
    WarningMessage("été.jpg was left out"),
    PhotosMessage("read", ("été.jpg", "b.jpg")),
    PreviewMessage("a folder/preview.npz"),
    ResultMessage("a folder/with spaces"),
    ErrorMessage("No photos", 2),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_survives_its_line(message):
    line = encode(message)
    assert "\n" not in line
    assert decode(line) == message


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Traceback",
        "[]",
        "null",
        "{}",
        f'{{"protocol": {PROTOCOL}}}',
        f'{{"protocol": {PROTOCOL}, "kind": "ResultMessage"}}',
        f'{{"protocol": {PROTOCOL}, "kind": "PhotosMessage", "state": "read", "photos": [1]}}',
        f'{{"protocol": {PROTOCOL}, "kind": "PhotosMessage", "state": "read", "photos": "a.jpg"}}',
    ],
)
def test_noise_is_refused(line):
    with pytest.raises(ReconstructionError):
        decode(line)


def test_another_protocol_is_named():
    line = json.dumps({"protocol": PROTOCOL + 1, "kind": "WarningMessage", "text": ""})
    with pytest.raises(ReconstructionError, match=f"protocol {PROTOCOL + 1}"):
        decode(line)
