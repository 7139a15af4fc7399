"""How fast training is, and how much of its time it waits for data."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Speed:
    """Of the time since the last reading."""

    pairs_per_second: float
    waiting: float  # share of the time, 0 to 1


class Meter:
    """Counts pairs and seconds. A GPU works behind our back, so some updates are timed with it drained, not all."""

    def __init__(self, device: torch.device, every: int) -> None:
        self._device, self._every = device, every if device.type == "cuda" else 1
        self._updates, self._pairs, self._waited, self._timed = 0, 0, 0.0, 0.0
        self._began = time.perf_counter()

    @contextmanager
    def update(self, pairs: int) -> Iterator[None]:
        """Around a whole update of so many pairs."""
        self._updates += 1
        began = self._now()
        yield
        self._pairs += pairs
        if self._sampled:
            self._timed += self._now() - began

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the wait for a batch, inside an update."""
        began = self._now()
        yield
        if self._sampled:
            self._waited += self._now() - began

    def read(self) -> Speed:
        """The speed since the last reading."""
        now = self._now()
        speed = Speed(self._pairs / max(now - self._began, 1e-9), self._waited / max(self._timed, 1e-9))
        self._pairs, self._waited, self._timed, self._began = 0, 0.0, 0.0, now
        return speed

    @property
    def _sampled(self) -> bool:
        return self._updates % self._every == 0

    def _now(self) -> float:
        if self._sampled and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
