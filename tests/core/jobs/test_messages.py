"""What a worker says arrives as it was meant, and nothing else does."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from dust3r.core.errors import ReconstructionError
from dust3r.core.jobs.messages import (
    PROTOCOL,
    ErrorMessage,
    Message,
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


def test_the_docs_list_the_protocol_and_every_message_with_its_fields():
    text = (Path(__file__).resolve().parents[3] / "docs" / "conventions.md").read_text()
    section = text[text.index("## Worker protocol") :]
    assert f"`protocol` ({PROTOCOL})" in section
    listed = dict(re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", section, re.MULTILINE))
    messages = {type(message) for message in MESSAGES}
    assert messages == set(get_args(Message))
    assert listed == {kind.__name__: ", ".join(field.name for field in fields(kind)) for kind in messages}


def test_another_protocol_is_named():
    line = json.dumps({"protocol": PROTOCOL + 1, "kind": "WarningMessage", "text": ""})
    with pytest.raises(ReconstructionError, match=f"protocol {PROTOCOL + 1}"):
        decode(line)
