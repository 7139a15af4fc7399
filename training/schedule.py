"""How far a stage is, and what that makes of learning rate and difficulty. Imports no torch."""

import math
from dataclasses import dataclass

from .config import Stage


@dataclass(frozen=True, slots=True)
class Clock:
    """How much of a stage is done."""

    steps: int = 0  # updates
    minutes: float = 0.0  # of training, pauses between resumed runs not counted


def share_done(stage: Stage, clock: Clock) -> float:
    """Part of the stage that is done, 0 to 1; it ends at 1."""
    return min(1.0, clock.steps / stage.steps if stage.steps else clock.minutes / stage.minutes)


def learning_rate(stage: Stage, share: float) -> float:
    """Linear warm-up to the top, then half a cosine down to the final rate."""
    if share < stage.warm_up:
        return stage.learning_rate * max(share / stage.warm_up, 1e-3)
    fallen = (share - stage.warm_up) / (1 - stage.warm_up)
    span = stage.learning_rate - stage.final_learning_rate
    return stage.final_learning_rate + span * (1 + math.cos(math.pi * fallen)) / 2


def difficulty(stage: Stage, share: float) -> float:
    """From the first to the last, reached at four fifths of the stage, in steps of 0.05 so that sources can be kept."""
    first, last = stage.difficulty
    return round((first + (last - first) * min(1.0, share / 0.8)) * 20) / 20
