"""What the points of the active reconstruction look like: the node group's inputs that a person sets."""

from typing import Any

import bpy

from .point_cloud import points_modifier
from .points_nodes import has_points_input, points_slot
from .reading import find_collection, find_points

INPUTS = ("Color", "Minimum Confidence", "Radius")  # flaws and shares have panels of their own


def active_inputs(context: bpy.types.Context) -> list[tuple[str, Any, str]]:
    """Of each input of the reconstruction that `find_collection` means: its name, owner and path, as panels take it."""
    collection = find_collection(context)
    cloud = find_points(collection) if collection else None
    if cloud is None:
        return []
    modifier = points_modifier(cloud)
    return [(name, *points_slot(modifier, name)) for name in INPUTS if has_points_input(modifier, name)]
