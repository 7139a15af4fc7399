"""Records come back from the JSON that they were written to, and nothing else becomes one."""

import json
from dataclasses import asdict, dataclass

import pytest
from dust3r.core.io.validation import record_of


@dataclass(frozen=True)
class Part:
    name: str
    size: float | None = None


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    lead: Part | None = None
    words: tuple[str, ...] = ()


@pytest.mark.parametrize("whole", [Whole(()), Whole((Part("a", 1.5), Part("b")), Part("c", 2), ("x", "y"))])
def test_a_record_comes_back_from_json_with_the_records_in_it(whole):
    assert record_of(Whole, json.loads(json.dumps(asdict(whole)))) == whole


@pytest.mark.parametrize(
    "content",
    [[], {}, {"parts": ["a"]}, {"parts": [], "more": 1}, {"parts": [{"name": 3}]}, {"parts": [], "lead": "a"}],
)
def test_what_is_no_record_is_a_type_error(content):
    with pytest.raises(TypeError):
        record_of(Whole, content)
