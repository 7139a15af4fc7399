"""What core/cleanup found, as attributes of the points: one boolean for each flaw, read by the node group."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.flaws import FLAWS
from .points_nodes import HIDE, has_points_input, points_input, points_slot


def set_flaws(mesh: Any, flaws: NDArray[np.uint8]) -> None:
    """Put the flaws of every point, (N,), bits of FLAWS, into the mesh in place of those that are there."""
    for flaw in FLAWS.values():
        attribute = mesh.attributes.get(flaw.attribute) or mesh.attributes.new(flaw.attribute, "BOOLEAN", "POINT")
        attribute.data.foreach_set("value", flaws & flaw.bit != 0)
    mesh.update()


def read_flaws(mesh: Any) -> NDArray[np.uint8] | None:
    """(N,), bits of FLAWS, of which an earlier version did not know all; None where nobody has looked for them."""
    known = [flaw for flaw in FLAWS.values() if flaw.attribute in mesh.attributes]
    if not known:
        return None
    flaws, has = np.zeros(len(mesh.vertices), np.uint8), np.empty(len(mesh.vertices), bool)
    for flaw in known:
        mesh.attributes[flaw.attribute].data.foreach_get("value", has)
        flaws |= has * np.uint8(flaw.bit)
    return flaws


def can_hide(modifier: Any) -> bool:
    """Whether the group of a point cloud's modifier, which an earlier version may have made, knows flaws."""
    return bool(_labels(modifier))


def _labels(modifier: Any) -> dict[str, str]:
    """Of each flaw that the group knows, the input that hides its points."""
    return {name: label for name, label in HIDE.items() if has_points_input(modifier, label)}


def hidden_flaws(modifier: Any) -> tuple[str, ...]:
    """Names of the flaws whose points the modifier of a point cloud hides now."""
    return tuple(name for name, label in _labels(modifier).items() if points_input(modifier, label))


def flaw_switches(cloud: Any, modifier: Any) -> list[tuple[str, Any, str]]:
    """Of each flaw: its title, and the owner and path of the input that hides its points; none before it was sought."""
    return [
        (FLAWS[name].title, *points_slot(modifier, label))
        for name, label in _labels(modifier).items()
        if FLAWS[name].attribute in cloud.data.attributes
    ]
