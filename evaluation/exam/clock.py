"""What a piece of work takes."""

import os
import time


class Clock:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = _cpu_seconds()

    def figures(self) -> dict[str, float]:
        """seconds, and cpu_seconds: of all threads, which other work on the machine disturbs less.

        Processes that this one began and that have ended since count too (not on Windows).
        """
        return {"seconds": time.perf_counter() - self._wall, "cpu_seconds": _cpu_seconds() - self._cpu}


def _cpu_seconds() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system
