"""Progress of long work: what, how far, how long still. Cancelling is raising from the report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

FEWEST_SHARE, FEWEST_SECONDS = 0.02, 0.5  # before, no pace is known
Check = Callable[[], None]  # called often by long work; raises to stop it
WHOLE = 1000  # the total of a stage that counts no things: what is done is a share of it


class Report(Protocol):
    """Called often by long work. Raise Cancelled inside it to stop that work."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def silent(stage: str, done: int, total: int) -> None:
    """The report of work that nobody watches."""


def amount(done: int, total: int) -> str:
    """How much of a stage is done, to be read: things, as 3/8, or a share, as 37%, where it counts none."""
    return f"{done / total:.0%}" if total == WHOLE else f"{done}/{total}"


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

    weights: stage -> its expected part of the whole time, in any unit. A stage that comes once more, and better
    knowledge of the parts (`expect`), divide what of the whole is left anew. The time left is this job's own pace: of
    this stage what it took so far, over what of it is done; of those to come their parts, at the pace of the whole. So
    it stays honest on a slow machine, and where an earlier job has done a stage's work.
    """

    def __init__(
        self, weights: dict[str, float], show: Callable[[Progress], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._weights = dict(weights)
        self._show = show
        self._clock = clock
        self._began = self._stage_began = clock()
        self._stage = ""
        self._share = 0.0
        self._first = 0  # the first stage that was to come when the whole was divided last
        self._base = 0.0  # the share then
        self._before = 0.0  # weight that was done until then
        self._done = 0.0  # and since

    def expect(self, weights: dict[str, float]) -> None:
        """Other parts of the whole time, of stages to come."""
        self._weights |= weights
        self._divide(self._place(self._stage) + 1)

    def __call__(self, stage: str, done: int, total: int) -> None:
        place = self._place(stage)
        fraction = done / total if total else 1.0
        if stage != self._stage:
            if place < max(self._first, self._place(self._stage)):
                self._divide(place)
            self._stage, self._stage_began = stage, self._clock()
        parts = list(self._weights.values())
        self._done = sum(parts[self._first : place]) + parts[place] * fraction
        share = self._base + (1 - self._base) * self._done / sum(parts[self._first :])
        self._share = max(self._share, min(1.0, share))
        self._show(Progress(stage, done, total, self._share, self._seconds_left(fraction, sum(parts[place + 1 :]))))

    def _place(self, stage: str) -> int:
        return list(self._weights).index(stage) if stage else -1

    def _divide(self, first: int) -> None:
        """The stages from this one on share what is left."""
        self._first = first
        self._base = self._share
        self._before += self._done
        self._done = 0.0

    def _seconds_left(self, fraction: float, later: float) -> float | None:
        """fraction: of this stage that is done; later: weight of the stages to come."""
        elapsed, inside = self._clock() - self._began, self._clock() - self._stage_began
        passed = self._before + self._done
        if self._share < FEWEST_SHARE or elapsed < FEWEST_SECONDS or not passed:
            return None
        if fraction < FEWEST_SHARE or inside < FEWEST_SECONDS:
            later += self._weights[self._stage] * (1 - fraction)
            return later * elapsed / passed
        return inside * (1 - fraction) / fraction + later * elapsed / passed
