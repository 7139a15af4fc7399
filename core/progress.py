"""Progress of long work: what, how far, how long still. Cancelling is raising from the report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Report(Protocol):
    """Called often by long work. Raise Cancelled inside it to stop that work."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def silent(stage: str, done: int, total: int) -> None:
    """The report of work that nobody watches."""


def part_of(report: Report, before: int, steps: int) -> Report:
    """Reports of a part of a stage, which begins after `before` steps, as reports of the stage, which has `steps`."""

    def part(stage: str, done: int, total: int) -> None:
        report(stage, before + done, steps)

    return part


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the whole job is."""

    stage: str
    done: int  # steps of this stage
    total: int
    share: float  # of the whole job, 0 to 1, never falling
    seconds_left: float | None  # None until the pace is known


class Timeline:
    """Turns the reports of successive stages into one share and one time left.

    weights: stage -> its expected part of the whole time, in any unit. The time left is this job's own pace:
    elapsed time over share done, smoothed, so that it stays honest on a slow machine.
    """

    def __init__(
        self, weights: dict[str, float], show: Callable[[Progress], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        total = sum(weights.values())
        self._starts: dict[str, tuple[float, float]] = {}
        passed = 0.0
        for stage, weight in weights.items():
            self._starts[stage] = (passed / total, weight / total)
            passed += weight
        self._show, self._clock, self._began, self._share = show, clock, clock(), 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        start, width = self._starts[stage]
        self._share = max(self._share, min(1.0, start + width * (done / total if total else 1.0)))
        self._show(Progress(stage, done, total, self._share, self._seconds_left()))

    def _seconds_left(self) -> float | None:
        elapsed = self._clock() - self._began
        if self._share < 0.02 or elapsed < 0.5:
            return None
        return elapsed * (1 - self._share) / self._share
