"""The dial from 0 to 1: what gets harder, as one table."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges that scenes, cameras and pairs are drawn from."""

    objects: tuple[float, float]  # how many things stand about
    furnished: float  # share of furnished rooms and built outdoor places; the rest are plain things on a floor
    outdoor: float  # share of scenes without walls
    close: float  # share of scenes that are one thing seen from near
    tilted: float  # share of loose things that lean
    bumps: float  # height of the ground's hills, metres
    fov: tuple[float, float]  # degrees, of the longer side
    zoom: float  # share of views with a field of view of their own
    centre: float  # principal point off the middle, as a share of the size
    turn: float  # spread of the views around the place looked at, degrees
    opposite: float  # share of views from anywhere around
    still: float  # share of views from where another one is: only turned, or with another lens
    reach: float  # spread of the distances, as a logarithm
    rise: float  # spread of the camera heights, metres
    gaze: float  # spread of the points looked at, as a share of the distance
    roll: float  # spread, degrees
    overlap: tuple[float, float]  # share of view j's points that view i sees, for a pair (i, j)
    exposure: float  # spread between the views of a scene, as a logarithm
    noise: float  # most sensor noise, of 1
    blur: float  # most blur, pixels
    gloss: float  # share of shiny things


EASY = Ranges(
    objects=(4, 10), furnished=0.1, outdoor=0.35, close=0.05, tilted=0.0, bumps=0.0,
    fov=(52, 66), zoom=0.0, centre=0.0, turn=16, opposite=0.0, still=0.02, reach=0.08, rise=0.12, gaze=0.06, roll=1.0,
    overlap=(0.45, 1.0), exposure=0.03, noise=0.006, blur=0.3, gloss=0.15,
)  # fmt: skip
MEDIUM = Ranges(
    objects=(6, 18), furnished=0.6, outdoor=0.35, close=0.15, tilted=0.15, bumps=0.4,
    fov=(44, 76), zoom=0.2, centre=0.01, turn=32, opposite=0.04, still=0.04, reach=0.18, rise=0.3, gaze=0.14, roll=4.0,
    overlap=(0.25, 1.0), exposure=0.12, noise=0.015, blur=0.5, gloss=0.25,
)  # fmt: skip
HARD = Ranges(
    objects=(8, 32), furnished=0.75, outdoor=0.4, close=0.2, tilted=0.3, bumps=1.2,
    fov=(30, 92), zoom=0.5, centre=0.04, turn=60, opposite=0.2, still=0.06, reach=0.35, rise=0.6, gaze=0.28, roll=10.0,
    overlap=(0.1, 0.95), exposure=0.25, noise=0.03, blur=0.8, gloss=0.35,
)  # fmt: skip

# With views that only turn, directions spread this far at least: their pictures are shifted by several patches.
TURN, GAZE, LEAST_OVERLAP = 24, 0.15, 0.25


def ranges_at(difficulty: float, turning: float = 0.0) -> Ranges:
    """The table at any point of the dial: straight lines between 0, 0.5 and 1.

    turning: least share of views that only turn, from 0 to 1.
    """
    lower, upper, share = (EASY, MEDIUM, 2 * difficulty) if difficulty < 0.5 else (MEDIUM, HARD, 2 * difficulty - 1)
    values = {
        field.name: _between(getattr(lower, field.name), getattr(upper, field.name), share) for field in fields(Ranges)
    }
    ranges = Ranges(**values)
    return _with_turning_views(ranges, turning) if turning else ranges


def _with_turning_views(ranges: Ranges, share: float) -> Ranges:
    low, high = ranges.overlap
    return replace(
        ranges,
        still=max(ranges.still, share),
        turn=max(ranges.turn, TURN),
        gaze=max(ranges.gaze, GAZE),
        overlap=(min(low, LEAST_OVERLAP), high),
    )


def _between(low: Any, high: Any, share: float) -> Any:
    mixed = (1 - share) * np.array(low) + share * np.array(high)
    return tuple(mixed.tolist()) if isinstance(low, tuple) else float(mixed)
