"""Running a protocol: task after task, each kept, and the table that they make."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..model.weights import LoadedModel
from ..progress import Report, silent
from ..settings import ReconstructionSettings
from .catalogue import MEAN, Protocol, Row
from .result_log import ResultLog
from .task import Figures, Task

STAGE = "Evaluating"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a protocol gives: rows in the order of the data set, the mean of all below more than one."""

    rows: dict[str, Row]
    counts: dict[str, int]  # tasks that a row is made of
    left_out: tuple[str, ...]  # tasks that gave no figures

    def table(self, protocol: Protocol) -> str:
        """Aligned columns; in brackets what the paper reports, where it does."""
        head = ["", *protocol.columns.values(), protocol.unit]
        lines = [head]
        for name, row in self.rows.items():
            told = protocol.published.get(name, {})
            cells = [_cell(row[key], told.get(key)) for key in protocol.columns]
            lines.append([name, *cells, str(self.counts[name])])
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        return "\n".join(_aligned(line, widths) for line in lines)


def examine(
    protocol: Protocol,
    tasks: Sequence[Task],
    model: LoadedModel,
    settings: ReconstructionSettings,
    log: ResultLog,
    report: Report = silent,
) -> Outcome:
    """Examine the tasks that the log does not know, and sum up all.

    Raises InputError for files that cannot be used and where no task gives figures, and whatever `report` raises; what
    was examined by then is in the log.
    """
    results: dict[str, list[Figures]] = {}
    left_out = []
    for number, task in enumerate(tasks):
        report(STAGE, number, len(tasks))
        figures = log.get(task)
        if figures is None:
            figures = task.examine(model, settings, _within(report, number, len(tasks)))
            log.put(task, figures)
        if figures:
            results.setdefault(task.group, []).append(figures)
        else:
            left_out.append(f"{task.group}/{task.name}")
    report(STAGE, len(tasks), len(tasks))
    if not results:
        raise InputError(f"None of the {len(tasks)} {protocol.unit} can be measured: {protocol.left_out}")
    rows = {group: protocol.summarise(found) for group, found in results.items()}
    counts = {group: len(found) for group, found in results.items()}
    if len(rows) > 1:
        rows[MEAN] = {key: float(np.mean([row[key] for row in rows.values()])) for key in protocol.columns}
        counts[MEAN] = sum(counts.values())
    return Outcome(rows, counts, tuple(left_out))


def _within(report: Report, number: int, of: int) -> Report:
    """A task's own reports, as the place where a cancel is noticed: the stages of a task are no stages of the run."""

    def inner(stage: str, done: int, total: int) -> None:
        report(STAGE, number, of)

    return inner


def _cell(value: float, told: float | None) -> str:
    return f"{value:.2f}" if told is None else f"{value:.2f} ({told:g})"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if k == 0 else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(line, widths, strict=True))
    )
    return "  ".join([first, *rest]).rstrip()
