"""What went wrong in the run that made a result: kept on its collection until somebody dismisses it."""

import json

import bpy

from .shared import check_own

WARNINGS = "dust3r_warnings"  # custom property of the collection, JSON: a list of sentences


def keep_warnings(collection: bpy.types.Collection, warnings: list[str]) -> None:
    """Write down sentences, each once, in place of earlier ones."""
    if warnings:
        collection[WARNINGS] = json.dumps(list(dict.fromkeys(warnings)))


def read_warnings(collection: bpy.types.Collection) -> list[str]:
    """The sentences that nobody has dismissed; empty where there are none that can be read."""
    try:
        found = json.loads(collection.get(WARNINGS, "[]"))
    except (TypeError, ValueError):
        return []
    return [str(sentence) for sentence in found] if isinstance(found, list) else []


def dismiss_warnings(collection: bpy.types.Collection) -> None:
    """Forget them; raises InputError for a library's."""
    check_own(collection)
    if WARNINGS in collection:
        del collection[WARNINGS]
