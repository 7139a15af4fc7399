"""Whether the fields of a dataclass hold what their annotations say: JSON may hold anything. Imports no torch."""

from dataclasses import fields
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

LARGEST = 1e300  # beyond, whole numbers are no floats any more
WORDS = {bool: "yes or no", int: "a whole number", float: "a finite number", str: "text", NoneType: "nothing"}


def check_types(record: Any) -> None:
    """Raise TypeError, naming the field, for a value that is not of its field's type; floats must be finite."""
    for field in fields(record):
        value = getattr(record, field.name)
        if not _is(value, field.type):
            kinds = get_args(field.type) or (field.type,)
            words = " or ".join(WORDS.get(kind, str(kind)) for kind in kinds)
            raise TypeError(f"{field.name} is {repr(value)[:60]}, not {words}")


def _is(value: Any, kind: Any) -> bool:
    if isinstance(kind, UnionType):
        return any(_is(value, option) for option in get_args(kind))
    if get_origin(kind) is Literal:
        return isinstance(value, str)  # which one is the record's own question
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is(item, get_args(kind)[0]) for item in value)
    if kind in (int, float):
        number = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
        return number and bool(-LARGEST < value < LARGEST)  # pyright: ignore[reportOperatorIssue]  false for NaN
    return isinstance(value, get_origin(kind) or kind)
