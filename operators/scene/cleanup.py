"""Flaws that were found in a reconstruction that is in the scene already, whatever version of ours put it there."""

from typing import Any

import bpy

from ...core.reconstruction.result import Reconstruction
from .flaws import flaw_switches, set_flaws
from .point_cloud import points_modifier, renew_nodes
from .points_nodes import HIDE, set_points_input
from .reading import find_collection, find_points, flaws_of_points
from .shared import check_own


def take_flaws(collection: bpy.types.Collection, searched: Reconstruction) -> None:
    """Give the points their flaws and hide those that `searched` hides.

    searched: what `read_reconstruction` gave, with its flaws. Points, cameras and all other inputs stay as they are;
    points of an earlier version get today's node group. Raises InputError when the points are gone or a library's.
    """
    check_own(collection)
    flaws = flaws_of_points(collection, searched)
    cloud: Any = find_points(collection)
    modifier = points_modifier(cloud)
    renew_nodes(cloud)
    set_flaws(cloud.data, flaws)
    for name, label in HIDE.items():
        set_points_input(modifier, label, name in searched.hidden_flaws)


def active_switches(context: bpy.types.Context) -> list[tuple[str, Any, str]]:
    """The switches of the reconstruction that `find_collection` means, as `flaw_switches` gives them."""
    collection = find_collection(context)
    cloud = find_points(collection) if collection else None
    return flaw_switches(cloud, points_modifier(cloud)) if cloud else []
