"""`evaluate --protocol`: a published evaluation on a data set's own folder, as a table and as JSON."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..core.progress import Timeline
from ..evaluation.protocols.catalogue import PROTOCOLS, Protocol
from ..evaluation.protocols.examination import STAGE, Outcome, examine
from ..evaluation.protocols.result_log import ResultLog
from ..evaluation.protocols.task import Task, few
from .evaluate import finish, load_examined
from .exam_table import aligned
from .output import Output
from .settings import read_settings


def evaluate_protocol(arguments: argparse.Namespace, output: Output) -> None:
    """Examine the data set's tasks, going on where an earlier run with the same --json ended, and print the table."""
    protocol, settings = _protocol(arguments), read_settings(arguments)
    every = protocol.tasks(_data(arguments))  # what is wrong with it is worth knowing before the model is loaded
    tasks, model = few(every, arguments.limit), load_examined(arguments)
    recipe = {"protocol": arguments.protocol, "data": str(arguments.data.resolve()), "settings": settings.as_dict()}
    log = ResultLog(arguments.json and log_beside(arguments.json), recipe | {"model": model.label})
    known = sum(log.get(task) is not None for task in tasks)
    if known:
        output.say(f"{known} of {len(tasks)} {protocol.unit} are known from an earlier run")
    outcome = examine(protocol, tasks, model, settings, log, Timeline({STAGE: 1}, output.progress))
    _say(protocol, outcome, tasks, len(every), output)
    finish(arguments, output, model, recipe | _content(protocol, outcome, len(tasks), len(every)))


def log_beside(path: Path) -> Path:
    """Where the figures of every task are kept while OUT.json is being worked for: OUT.tasks.jsonl."""
    return path.with_name(f"{path.stem}.tasks.jsonl")


def _protocol(arguments: argparse.Namespace) -> Protocol:
    if arguments.protocol not in PROTOCOLS:
        raise InputError(f"--protocol must be one of {', '.join(PROTOCOLS)}, got {arguments.protocol!r}")
    if arguments.limit is not None and arguments.limit < 1:
        raise InputError(f"--limit must be at least 1, got {arguments.limit}")
    return PROTOCOLS[arguments.protocol]


def _data(arguments: argparse.Namespace) -> Path:
    if arguments.data is None:
        raise InputError(
            f"--protocol {arguments.protocol} needs --data ROOT, the data set's folder (docs/protocols.md)"
        )
    if not arguments.data.is_dir():
        raise InputError(f"{arguments.data} is no folder; give the data set's own")
    return arguments.data


def _say(protocol: Protocol, outcome: Outcome, tasks: Sequence[Task], every: int, output: Output) -> None:
    if len(tasks) < every:
        output.warning(f"{len(tasks)} of {every} {protocol.unit}: figures for a try, not to be compared with others'")
    if outcome.left_out:
        output.warning(f"{len(outcome.left_out)} {protocol.unit} are left out: {protocol.left_out}")
    output.say(protocol.title)
    output.say(table(protocol, outcome))
    if protocol.published:
        output.say("In brackets: what the paper reports")


def table(protocol: Protocol, outcome: Outcome) -> str:
    """The paper's columns; in brackets what it reports, where it does."""
    lines = [["", *protocol.columns.values(), protocol.unit]]
    for name, row in outcome.rows.items():
        told = protocol.published.get(name, {})
        cells = [f"{row[key]:.2f}" + (f" ({told[key]:g})" if key in told else "") for key in protocol.columns]
        lines.append([name, *cells, str(outcome.counts[name])])
    return aligned(lines)


def _content(protocol: Protocol, outcome: Outcome, examined: int, every: int) -> dict[str, Any]:
    """The table for JSON, which knows no infinity: null there."""
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
