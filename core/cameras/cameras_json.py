"""The entries of a cameras.json (docs/conventions.md), read strictly. Imports no torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, first_line
from ..io.atomic import read_text


def read_entries(path: Path) -> dict[str, Any]:
    """What a cameras.json says, by photo name; raises InputError, naming the file, where it is none."""
    try:
        content = json.loads(read_text(path), object_pairs_hook=_without_repeats)
        entries = content["photos"]
    except InputError as error:
        raise InputError(f"{path} {error}") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        found = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(f"{path} is no cameras.json ({found}); see docs/conventions.md") from error
    if not isinstance(entries, dict) or not entries:
        raise InputError(f'{path} names no photos; see docs/conventions.md for its entry "photos"')
    return entries


def read_numbers(entry: Any, key: str, shape: tuple[int, ...], where: str) -> NDArray[np.float64]:
    """The finite numbers of this shape under a key; raises InputError that begins with `where`."""
    if not isinstance(entry, dict) or key not in entry:
        raise InputError(f"{where} has no {key}; see docs/conventions.md")
    try:
        numbers = np.array(entry[key], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where} has a {key} that is not made of numbers ({first_line(error)})") from error
    if numbers.shape != shape or not np.isfinite(numbers).all():
        found = "numbers that are not finite" if numbers.shape == shape else f"shape {numbers.shape}"
        raise InputError(f"{where} has a {key} with {found}; it needs finite numbers of shape {shape}")
    return numbers


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two entries of one name JSON would take the last in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"says {twice!r} twice; leave one of the two out")
    return found
