"""Damage to files: strategies of hypothesis that say what to do, and functions that do it."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dust3r.tests.faults.amount import SEED, trials
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st

START = 600  # bytes at a file's start that hold most of its structure
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
WORDS = [
    struct.pack(order + kind, number % 256**size)
    for order in "<>"
    for kind, size in (("H", 2), ("I", 4), ("Q", 8))
    for number in NUMBERS
]
ODD = (None, True, False, -1, 0, 1, 2**31, -(2**63), 10**400, 1e308, -1e-308, float("nan"), float("inf"), float("-inf"))
ODD += (
    "",
    "..",
    "../../outside",
    "/etc/passwd",
    "\0",
    "NaN",
    "\ud800",
    "C:\\x",
    "a" * 5000,
    "__import__('os').system('touch outside')",
)
ODD += ([], {}, [[]], [None], {"": None}, [[1.0] * 3] * 3, [[float("nan")] * 4] * 4, [[0.0] * 4] * 4)


def tried(full: int, quick: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A test with so many examples, the same ones for the same seed."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        options = settings(
            max_examples=trials(full, quick),
            deadline=None,  # tests.faults.watch measures what matters
            database=None,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        return seed(SEED)(options(test))

    return decorate


@dataclass(frozen=True)
class Edit:
    """One piece of damage to bytes."""

    kind: str  # flip, write, insert, cut, end, repeat
    place: int  # of it; folded into the file's length
    value: bytes

    def apply(self, data: bytes) -> bytes:
        at = self.place % (len(data) + 1)
        head, tail, size = data[:at], data[at:], len(self.value)
        match self.kind:
            case "flip":
                return head + bytes(old ^ new for old, new in zip(tail, self.value, strict=False)) + tail[size:]
            case "write":
                return head + self.value + tail[size:]
            case "insert":
                return head + self.value + tail
            case "cut":
                return head + tail[size:]
            case "end":
                return head
        return head + tail[:size] * 3 + tail[size:]


_places = st.one_of(st.integers(0, START), st.integers(0, 2**20))
_values = st.one_of(st.sampled_from(WORDS), st.binary(min_size=1, max_size=16))
edits = st.lists(
    st.builds(
        Edit, st.sampled_from(["flip", "flip", "write", "write", "insert", "cut", "end", "repeat"]), _places, _values
    ),
    min_size=1,
    max_size=3,
)


def damaged(data: bytes, damage: list[Edit]) -> bytes:
    for edit in damage:
        data = edit.apply(data)
    return data


def repaired_png(data: bytes) -> bytes:
    """The same with right checksums: else every PNG's damage ends at the first of them."""
    out, at = data[:8], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunk = data[at + 4 : at + 8 + length]
        out += data[at : at + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        at += 12 + length
    return out


@dataclass(frozen=True)
class Change:
    """One piece of damage to a tree of dicts and lists, as JSON holds."""

    path: tuple[int, ...]  # which child of which child; folded into their numbers
    kind: str  # set, remove, rename, twice
    value: Any

    def apply(self, tree: Any) -> Any:
        return _changed(tree, self.path, self)


def _changed(tree: Any, path: tuple[int, ...], change: Change) -> Any:
    if not path or not isinstance(tree, dict | list) or not tree:
        return change.value
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = keys[path[0] % len(keys)]
    copy = tree.copy()
    last = len(path) == 1
    if last and change.kind == "remove":
        del copy[key]
    elif last and change.kind == "rename" and isinstance(copy, dict):
        copy[str(change.value)] = copy.pop(key)
    elif last and change.kind == "twice" and isinstance(copy, list):
        copy.insert(key, copy[key])
    else:
        copy[key] = _changed(copy[key], path[1:], change)
    return copy


odd_values = st.one_of(
    st.sampled_from(ODD),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.floats(), max_size=5),
)
changes = st.lists(
    st.builds(
        Change,
        st.lists(st.integers(0, 40), min_size=1, max_size=6).map(tuple),
        st.sampled_from(["set", "set", "set", "remove", "rename", "twice"]),
        odd_values,
    ),
    min_size=1,
    max_size=4,
)


def altered(tree: Any, what: list[Change]) -> Any:
    for change in what:
        tree = change.apply(tree)
    return tree
