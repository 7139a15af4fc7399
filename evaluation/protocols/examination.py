"""Running a protocol: task after task, each kept, and what they sum up to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError
from ...core.progress import Report, silent
from ...core.settings import ReconstructionSettings
from .catalogue import MEAN, Protocol, Row
from .result_log import ResultLog
from .task import Figures, Task

STAGE = "Evaluating"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a protocol gives: a row for each group, in the data set's order, and below more than one their mean."""

    rows: dict[str, Row]
    counts: dict[str, int]  # tasks that a row is made of
    left_out: tuple[str, ...]  # tasks that gave no figures


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
    left = [task for task in tasks if log.get(task) is None]
    for number, task in enumerate(left):
        report(STAGE, number, len(left))
        log.put(task, task.examine(model, settings, _within(report, number, len(left))))
    report(STAGE, len(left), len(left))
    return _summed(protocol, [(task, log.get(task) or {}) for task in tasks])


def _summed(protocol: Protocol, results: Sequence[tuple[Task, Figures]]) -> Outcome:
    groups: dict[str, list[Figures]] = {}
    for task, figures in results:
        if figures:
            groups.setdefault(task.group, []).append(figures)
    if not groups:
        raise InputError(f"None of the {len(results)} {protocol.unit} can be measured: {protocol.left_out}")
    rows = {group: protocol.summarise(found) for group, found in groups.items()}
    counts = {group: len(found) for group, found in groups.items()}
    if len(rows) > 1:
        rows[MEAN] = {key: float(np.mean([row[key] for row in rows.values()])) for key in protocol.columns}
        counts[MEAN] = sum(counts.values())
    return Outcome(rows, counts, tuple(f"{task.group}/{task.name}" for task, figures in results if not figures))


def _within(report: Report, number: int, of: int) -> Report:
    """A task's own reports, as the place where a cancel is noticed: the stages of a task are no stages of the run."""

    def inner(stage: str, done: int, total: int) -> None:
        report(STAGE, number, of)

    return inner
