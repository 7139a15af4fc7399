"""A reconstruction's statistics, kept on its collection: found once, and drawn from there."""

import json
from functools import lru_cache

import bpy

from ...core.io.atomic import DAMAGED_ARRAYS
from ...core.quality.measure import measure
from ...core.quality.statistics import Statistics
from ...core.reconstruction.result import Reconstruction
from .shared import check_own

STATISTICS = "dust3r_statistics"  # custom property of the collection, JSON


def keep_statistics(collection: bpy.types.Collection, reconstruction: Reconstruction) -> Statistics:
    """Measure a reconstruction and write down what was found; raises InputError for a library's."""
    check_own(collection)
    found = measure(reconstruction)
    collection[STATISTICS] = json.dumps(found.as_dict())
    return found


def read_statistics(collection: bpy.types.Collection) -> Statistics | None:
    """What was written down; None where nothing was, or nothing that can be read."""
    text = collection.get(STATISTICS)
    return _parsed(text) if isinstance(text, str) else None


@lru_cache(maxsize=8)
def _parsed(text: str) -> Statistics | None:
    """Panels ask at every redraw."""
    try:
        return Statistics.from_dict(json.loads(text))
    except DAMAGED_ARRAYS:
        return None
