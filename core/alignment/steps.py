"""One stage of progress out of the alignment's parts, each with its share of the time."""

from collections.abc import Callable

from ..progress import WHOLE, Report


class Steps:
    """Reports the share of a stage that is done; parts may end early, never late."""

    def __init__(self, report: Report, stage: str) -> None:
        self._report, self._stage, self._end = report, stage, 0.0

    def part(self, share: float, count: int) -> Callable[[], None]:
        """A function to call `count` times over the next `share` (of 1) of the stage; more calls stand still."""
        start, done = self._end, 0
        self._end = start + share

        def step() -> None:
            nonlocal done
            done = min(done + 1, count)
            self._report(self._stage, round(WHOLE * (start + share * done / max(count, 1))), WHOLE)

        return step

    def finish(self) -> None:
        self._report(self._stage, WHOLE, WHOLE)
