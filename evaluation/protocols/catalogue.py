"""The protocols by name: what they read, what they count, and what the paper reports (arXiv 2312.14132)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .cambridge import cambridge_tasks
from .co3d import co3d_tasks
from .dtu import dtu_tasks
from .nyu import nyu_tasks
from .photo_map import summarise_placements
from .re10k import re10k_tasks
from .robustmvd import robustmvd_tasks
from .seven_scenes import seven_scenes_tasks
from .task import Figures, Task

MEAN = "mean"  # the row below all groups: each counts once

Row = dict[str, float]
Published = Mapping[str, Mapping[str, float]]  # by row and column


def mean_figures(results: Sequence[Figures]) -> Row:
    """The mean of every figure over a group's tasks."""
    values = {key: [one[key] for one in results] for key in results[0]}
    return {
        key: float(np.mean([np.inf if value is None else value for value in found])) for key, found in values.items()
    }


@dataclass(frozen=True, slots=True)
class Protocol:
    """A published evaluation."""

    title: str
    tasks: Callable[[Path], list[Task]]
    columns: Mapping[str, str]  # figure -> heading, in the paper's order
    unit: str  # what a task is, plural
    left_out: str = "they lack true depth"  # why a task gives no figures
    summarise: Callable[[Sequence[Figures]], Row] = mean_figures
    published: Published = field(default_factory=dict)


_POSES = {"pnp_rra15": "PnP RRA@15", "pnp_rta15": "PnP RTA@15", "pnp_maa30": "PnP mAA(30)"}
_POSES |= {"rra15": "GA RRA@15", "rta15": "GA RTA@15", "maa30": "GA mAA(30)"}
_PLACES = {"median_cm": "cm", "median_deg": "°", "recall_5cm_5deg": "5cm,5°", "recall_25cm_2deg": "25cm,2°"}
_PLACES |= {"recall_50cm_5deg": "50cm,5°", "recall_500cm_10deg": "5m,10°"}


def _medians(centimetres: float, degrees: float) -> dict[str, float]:
    return {"median_cm": centimetres, "median_deg": degrees}


PROTOCOLS: dict[str, Protocol] = {
    "co3d": Protocol(
        "CO3Dv2, 10 frames a sequence: relative poses, %",
        co3d_tasks,
        _POSES,
        "sequences",
        "their true cameras are out of bounds",
        published={
            MEAN: {"pnp_rra15": 94.3, "pnp_rta15": 88.4, "pnp_maa30": 77.2, "rra15": 96.2, "rta15": 86.8, "maa30": 76.7}
        },
    ),
    "re10k": Protocol(
        "RealEstate10K, 10 frames a clip: relative poses, %",
        re10k_tasks,
        _POSES,
        "clips",
        "fewer than 10 of their frames are there",
        published={"test": {"pnp_maa30": 61.2, "maa30": 67.7}},
    ),
    "7scenes": Protocol(
        "7-Scenes: visual localisation, medians, and shares within both limits, %",
        seven_scenes_tasks,
        _PLACES,
        "photos",
        summarise=summarise_placements,
        published={
            "chess": _medians(3, 0.97),
            "fire": _medians(3, 0.95),
            "heads": _medians(2, 1.37),
            "office": _medians(3, 1.01),
            "pumpkin": _medians(4, 1.14),
            "redkitchen": _medians(4, 1.34),
            "stairs": _medians(11, 2.84),
        },
    ),
    "cambridge": Protocol(
        "Cambridge Landmarks: visual localisation, medians, and shares within both limits, %",
        cambridge_tasks,
        _PLACES,
        "photos",
        summarise=summarise_placements,
    ),
    "nyu": Protocol(
        "NYU Depth v2: monocular depth, %",
        nyu_tasks,
        {"absrel": "rel", "delta125": "δ1.25"},
        "photos",
        published={"test": {"absrel": 6.50, "delta125": 94.09}},
    ),
    "dtu": Protocol(
        "DTU MVS: reconstructed points against the scan, mm",
        dtu_tasks,
        {"accuracy": "accuracy", "completeness": "completeness", "overall": "overall"},
        "scans",
        published={MEAN: {"accuracy": 2.677, "completeness": 0.805, "overall": 1.741}},
    ),
    "robustmvd": Protocol(
        "Robust Multi-view Depth benchmark: cameras unknown, unit by the medians, %",
        robustmvd_tasks,
        {"absrel": "rel", "tau103": "τ1.03"},
        "key views",
        published={MEAN: {"absrel": 4.73, "tau103": 64.52}},
    ),
}
