"""Core types into Blender data. Functions only: they work in any script with `import bpy`, nothing registered."""

from .point_cloud import display_sliders, points_modifier
from .points_nodes import points_input, set_points_input
from .reconstruction import add_reconstruction, read_recipe
from .render import render_still
from .viewpoints import add_between_camera, look_through

__all__ = [
    "add_between_camera",
    "add_reconstruction",
    "display_sliders",
    "look_through",
    "points_input",
    "points_modifier",
    "read_recipe",
    "render_still",
    "set_points_input",
]
