"""Figures as a table of text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NONE = "-"  # where a method has no such figure
OWN = "dust3r"

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One method's figures on one set of photos."""

    name: str  # of the set
    method: str
    figures: Figures


def means(rows: Sequence[Row]) -> list[Row]:
    """A row per method: of every figure the mean over the sets that have it."""
    found = []
    for method in dict.fromkeys(row.method for row in rows):
        own = [row.figures for row in rows if row.method == method]
        keys = dict.fromkeys(key for figures in own for key in figures)
        values = {key: [figures[key] for figures in own if key in figures] for key in keys}
        found.append(Row("mean", method, {key: sum(some) / len(some) for key, some in values.items()}))
    return found


def table(rows: Sequence[Row]) -> str:
    """One set: a line per figure, a column per method. Several: a line per set and method, the means last."""
    keys = list(dict.fromkeys(key for row in rows for key in row.figures))
    if len({row.name for row in rows}) == 1:
        lines = [[key, *(_number(row.figures, key) for row in rows)] for key in keys]
        return aligned([["", *(row.method for row in rows)], *lines] if len(rows) > 1 else lines)
    lines = [[row.name, row.method, *(_number(row.figures, key) for key in keys)] for row in [*rows, *means(rows)]]
    return aligned([["set", "method", *keys], *lines], words=2)


def _number(figures: Figures, key: str) -> str:
    if key not in figures:
        return NONE
    return f"{figures[key]:.4g}" if abs(figures[key]) < 1000 else f"{figures[key]:.0f}"


def aligned(lines: Sequence[Sequence[str]], words: int = 1) -> str:
    """Columns two blanks apart: the first ones of words to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{'<' if k < words else '>'}{widths[k]}}" for k, cell in enumerate(line)).rstrip()
        for line in lines
    )
