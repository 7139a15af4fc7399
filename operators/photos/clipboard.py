"""Paths as people copy them: lines of text, quoted, or as file addresses. Imports no torch."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ...core.errors import InputError

MARKERS = {"copy", "cut", "x-special/nautilus-clipboard"}  # lines that file managers put before their files
MOST = 10_000  # lines: more is no list of photos


def paths_in(text: str) -> list[Path]:
    """The paths that a text names, one a line, in its order; ~ is the home folder.

    Raises InputError where it names none, or one that is not there.
    """
    lines = [line.strip() for line in text.splitlines()[:MOST]]
    named = [line for line in lines if line and line not in MARKERS]
    if not named:
        raise InputError("The clipboard holds no path; copy files, a folder or their paths first")
    return [_existing(line) for line in named]


def _existing(line: str) -> Path:
    try:
        path = Path(_plain(line)).expanduser()
        if path != Path() and path.exists():
            return path
    except (OSError, ValueError, RuntimeError) as error:  # too long, characters that no path has, no such home
        raise _no_path(line) from error
    raise _no_path(line)


def _no_path(line: str) -> InputError:
    return InputError(f"The clipboard names no file or folder that exists: {line[:80]!r}; copy a path")


def _plain(line: str) -> str:
    """Without quotes, or the path of a file:// address."""
    if len(line) > 1 and line[0] == line[-1] and line[0] in "\"'":
        return line[1:-1]
    if not line.lower().startswith("file://"):
        return line
    path = unquote(urlsplit(line).path)
    return path[1:] if os.name == "nt" else path  # /C:/photos
