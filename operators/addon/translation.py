"""The interface in other languages: gettext files (.po) of the folder locale, handed to Blender."""

import ast
import re
from pathlib import Path

import bpy

FOLDER = Path(__file__).resolve().parents[2] / "locale"
DEFAULT_CONTEXT = "*"  # Blender's; labels of operators have "Operator"
_ENTRY = re.compile(r'^(msgctxt|msgid|msgstr)?\s*(".*")$')

Messages = dict[tuple[str, str], str]


def read_po(text: str) -> Messages:
    """(context, message) -> translation, of the entries of a .po file that have one.

    Raises ValueError with the line's number for a line that is neither an entry's, nor empty, nor a # comment.
    """
    found: Messages = {}
    entry: dict[str, str] = {}
    for number, line in enumerate([*text.splitlines(), 'msgid ""'], start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _ENTRY.match(line.strip())
        if match is None or not (match[1] or entry):
            raise ValueError(f"line {number} is no line of a .po file: {line!r}")
        keyword = match[1] or list(entry)[-1]  # without one, the line goes on with the line before
        if keyword in ("msgctxt", "msgid") and "msgstr" in entry:
            _keep(entry, found)
            entry = {}
        entry[keyword] = entry.get(keyword, "") + ast.literal_eval(match[2])
    return found


def _keep(entry: dict[str, str], found: Messages) -> None:
    message, translation = entry["msgid"], entry["msgstr"]
    if message and translation:  # the entry of an empty message is the file's header
        found[entry.get("msgctxt", DEFAULT_CONTEXT), message] = translation


def read_locales(folder: Path = FOLDER) -> dict[str, Messages]:
    """Blender's name of a language, such as de_DE -> its messages."""
    return {path.stem: read_po(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.po"))}


def register() -> None:
    """Hand every language to Blender, which takes the one of the preferences."""
    bpy.app.translations.register(__package__, read_locales())


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(__package__)
