"""What a worker says arrives as it was meant, and nothing else does."""

import json

import pytest
from dust3r.core.errors import ReconstructionError
from dust3r.core.protocol import ErrorMessage, ProgressMessage, ResultMessage, WarningMessage, decode, encode

MESSAGES = [
    ProgressMessage("Aligning", 3, 10, 0.5, None),
    ProgressMessage("Aligning", 3, 10, 0.5, 12.5),
    WarningMessage("été.jpg was left out"),
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
    ["", "Traceback", "[]", "null", "{}", '{"protocol": 1}', '{"protocol": 1, "kind": "ResultMessage"}'],
)
def test_noise_is_refused(line):
    with pytest.raises(ReconstructionError):
        decode(line)


def test_another_protocol_is_named():
    line = json.dumps({"protocol": 2, "kind": "WarningMessage", "text": ""})
    with pytest.raises(ReconstructionError, match="protocol 2"):
        decode(line)
