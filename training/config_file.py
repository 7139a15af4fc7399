"""From a config.toml to a TrainingConfig: every key known, every value of its type, or one sentence. No torch."""

import tomllib
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..core.errors import InputError
from ..core.io.atomic import read_text
from .config import TrainingConfig


def read_config(path: Path) -> TrainingConfig:
    """The run that a TOML file describes; raises InputError, naming the file and the key."""
    try:
        table = tomllib.loads(read_text(path))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}; name a config.toml") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML: {error}; see configs/small.toml for one that is") from error
    try:
        return from_table(TrainingConfig, table, "")
    except InputError as error:
        raise InputError(f"{path}: {error}; docs/training.md lists the keys") from error


def from_table(kind: type[Any], table: object, where: str) -> Any:
    """A frozen dataclass from named values; where: what to call them in an error, such as "stages[1]."."""
    if not isinstance(table, dict):
        raise InputError(f"{where.rstrip('.')} must be a table of named values, got {table!r}")
    hints, known = get_type_hints(kind), {field.name: field for field in fields(kind)}
    for key in table:
        if key not in known:
            raise InputError(f"{where}{key} is an unknown key; known are {', '.join(known)}")
    for name, field in known.items():
        if name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{where}{name} is missing")
    values = {key: _value(hints[key], value, f"{where}{key}") for key, value in table.items()}
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where}{error}") from error


def _value(kind: Any, value: object, where: str) -> Any:
    """The value as its type wants it: whole numbers serve as floats, lists as tuples."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return from_table(kind, value, f"{where}.")
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is Literal:
        if value not in arguments:
            raise InputError(f"{where} must be one of {', '.join(map(str, arguments))}, got {value!r}")
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is kind:
        return value
    raise InputError(f"{where} must be {_named(kind)}, got {value!r}")


def _tuple(kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list, got {value!r}")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise InputError(f"{where} must have {len(kinds)} entries, got {value!r}")
    return tuple(_value(kind, entry, f"{where}[{k}]") for k, (kind, entry) in enumerate(zip(kinds, value, strict=True)))


def _named(kind: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(kind, str(kind))
