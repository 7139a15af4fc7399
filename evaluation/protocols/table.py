"""The outcome of a protocol as a table of text and as JSON."""

import math
from pathlib import Path
from typing import Any

from ..table import aligned
from .catalogue import Protocol
from .examination import Outcome


def log_beside(path: Path) -> Path:
    """The file beside OUT.json that keeps the figures of every task: OUT.tasks.jsonl."""
    return path.with_name(f"{path.stem}.tasks.jsonl")


def protocol_table(protocol: Protocol, outcome: Outcome) -> str:
    """The paper's columns; in brackets the paper's figures, where it has them."""
    lines = [["", *protocol.columns.values(), protocol.unit]]
    for name, row in outcome.rows.items():
        published = protocol.published.get(name, {})
        cells = [f"{row[key]:.2f}" + (f" ({published[key]:g})" if key in published else "") for key in protocol.columns]
        lines.append([name, *cells, str(outcome.counts[name])])
    return aligned(lines)


def as_json(protocol: Protocol, outcome: Outcome, examined: int, every: int) -> dict[str, Any]:
    """The same for JSON; figures that are not finite become null."""
    rows = {
        name: {key: value if math.isfinite(value) else None for key, value in row.items()}
        for name, row in outcome.rows.items()
    }
    return {
        "rows": rows,
        "counts": outcome.counts,
        "published": protocol.published,
        "left_out": outcome.left_out,
        "examined": examined,
        "of": every,
    }
