"""Names from files cannot steer the terminal that shows them."""

import pytest
from dust3r.core.io.plain_text import plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("été 写真　👨\u200d👩 b.jpg", "été 写真　👨\u200d👩 b.jpg"),
        ("a\x1b]0;title\x07b", "a\\x1b]0;title\\x07b"),
        ("a\x9b31mb", "a\\x9b31mb"),
        ("a\r\nb\tc\x7f", "a\\r\\nb\\tc\\x7f"),
        ("\u202egpj.exe\u2028", "\\u202egpj.exe\\u2028"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_what_steers_a_terminal_is_shown_as_its_escape(text, shown):
    assert plain(text) == shown


def test_lines_stay_lines():
    assert plain_lines("a\x1b[2J\nb") == "a\\x1b[2J\nb"
