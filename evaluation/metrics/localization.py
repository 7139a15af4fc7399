"""How far photos are placed from where they were taken, in a world of metres: the field's usual figures."""

import numpy as np
from numpy.typing import NDArray

from ...core.geometry.rotation import rotation_angle

Array = NDArray[np.float64]

# (metres, degrees): 7-Scenes' threshold, then those of Sattler et al. 2018, "Benchmarking 6DOF outdoor localization".
RECALLS = ((0.05, 5.0), (0.25, 2.0), (0.5, 5.0), (5.0, 10.0))


def placement_error(found: Array, true: Array) -> tuple[float, float]:
    """|c - C| in the world's unit, and the angle between R and R' in degrees: cam2world (4, 4) twice."""
    turn = rotation_angle(found[:3, :3].T @ true[:3, :3])
    return float(np.linalg.norm(found[:3, 3] - true[:3, 3])), float(np.degrees(turn))


def localization_metrics(metres: Array, degrees: Array) -> dict[str, float]:
    """Medians in centimetres and degrees, and the shares of photos within both limits of each of RECALLS, in percent.

    metres, degrees: (N,), N >= 1, infinite for a photo that was not placed.
    """
    figures = {"median_cm": float(100 * np.median(metres)), "median_deg": float(np.median(degrees))}
    for far, turned in RECALLS:
        within = (metres < far) & (degrees < turned)
        figures[f"recall_{100 * far:g}cm_{turned:g}deg"] = float(100 * within.mean())
    return figures
