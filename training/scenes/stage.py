"""What a place hands to the cameras, free ground for things to stand on, and the light of the day."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .builder import Builder, Frame, Light
from .materials import Rng
from .scene import Floats

Maker = Callable[[Builder, Frame], float]  # builds a thing on z = 0 of the frame, returns the radius it needs


@dataclass(frozen=True, slots=True)
class Stage:
    """What cameras need to know of a place."""

    light: Light
    targets: Floats  # (T, 3), points worth looking at
    low: tuple[float, float, float]  # the box that cameras stay in
    high: tuple[float, float, float]
    distance: tuple[float, float]  # from camera to the point looked at, metres
    lift: tuple[float, float]  # camera heights over the ground, metres


@dataclass
class Plot:
    """Free ground: keeps things from standing in each other."""

    rng: Rng
    taken: list[tuple[float, float, float]]

    def find(self, radius: float, half: tuple[float, float], tries: int = 12) -> tuple[float, float] | None:
        """A free place for a thing of this radius within [-half, half], or None."""
        for _ in range(tries):
            x, y = (float(self.rng.uniform(-h + radius, h - radius)) if h > radius else 0.0 for h in half)
            if all(np.hypot(x - a, y - b) > radius + r for a, b, r in self.taken):
                self.taken.append((x, y, radius))
                return x, y
        return None


def pick(rng: Rng, choices: tuple[Maker, ...]) -> Maker:
    return choices[rng.integers(len(choices))]


def stand_about(
    b: Builder, plot: Plot, half: tuple[float, float], make: Maker, radius: float
) -> tuple[float, float, float] | None:
    spot = plot.find(radius, half)
    if spot is None:
        return None
    make(b, Frame(*spot, b.ground_height(*spot), b.rng.uniform(0, 2 * np.pi)))
    return *spot, b.ground_height(*spot) + 0.4


def near(rng: Rng, spots: list) -> Floats:
    if not spots:
        spots = [(0.0, 0.0, 0.5)]
    return np.array(spots, np.float32) + rng.normal(0, 0.1, (len(spots), 3)).astype(np.float32)


def sun(rng: Rng, power: float, lowest: float) -> tuple[float, ...]:
    """A row of Scene.lights: a direction at least `lowest` steep, a warm white."""
    x, y = rng.normal(0, 1, 2)
    direction = np.array([x, y, rng.uniform(lowest, 2.0)])
    direction /= np.linalg.norm(direction)
    return (*direction, 0.0, *(power * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.65, 0.95)])))


def draw_sky(rng: Rng) -> Floats:
    grey = rng.random()
    zenith = np.array([0.15, 0.32, 0.75]) * (1 - grey) + grey * 0.6
    return np.stack([zenith, np.array([0.65, 0.75, 0.85])]) * rng.uniform(0.7, 1.1)
