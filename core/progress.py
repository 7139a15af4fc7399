"""Progress of long work: what, how far, how long still. Cancelling is raising from the report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

FEWEST_SHARE, FEWEST_SECONDS = 0.02, 0.5  # before, no pace is known


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

    weights: stage -> its expected part of the whole time, in any unit. The time left is this job's own pace: of this
    stage what it took so far, over what of it is done; of those to come their parts, at the pace of the whole. So it
    stays honest on a slow machine, and where an earlier job has done a stage's work.
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
        self._stage, self._stage_began = "", self._began

    def __call__(self, stage: str, done: int, total: int) -> None:
        start, width = self._starts[stage]
        fraction = done / total if total else 1.0
        if stage != self._stage:
            self._stage, self._stage_began = stage, self._clock()
        self._share = max(self._share, min(1.0, start + width * fraction))
        self._show(Progress(stage, done, total, self._share, self._seconds_left(fraction, 1 - start - width)))

    def _seconds_left(self, fraction: float, later: float) -> float | None:
        """fraction: of this stage that is done; later: share of the stages to come."""
        elapsed, inside = self._clock() - self._began, self._clock() - self._stage_began
        if self._share < FEWEST_SHARE or elapsed < FEWEST_SECONDS:
            return None
        if fraction < FEWEST_SHARE or inside < FEWEST_SECONDS:
            return elapsed * (1 - self._share) / self._share
        return inside * (1 - fraction) / fraction + max(0.0, later) * elapsed / self._share
