"""Names and texts of files as they may be shown: nothing in them steers a terminal. Imports no torch."""

import re

# Control characters with those that begin escape sequences, ends of lines and paragraphs, changes of the reading
# direction, and halves of characters, which stand for bytes of a file's name that are no UTF-8.
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """One line: every steering character as the escape that Python writes for it, such as \\x1b."""
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def plain_lines(text: str) -> str:
    """The same of a text of several lines, which stay."""
    return "\n".join(map(plain, text.split("\n")))
