"""The one material of all point clouds: a point shows its own colour, whatever the light."""

from typing import Any

import bpy

from .shared import shared_block

SHOWN_COLOR = "shown_color"  # of the evaluated points; Cycles draws an attribute named "color" black on point clouds


def points_material() -> bpy.types.Material:
    """The shared material, made at its first use. Renders in Cycles and EEVEE."""
    return shared_block(bpy.data.materials, "DUSt3R Points", 1, _make)


def _make(name: str) -> bpy.types.Material:
    material: Any = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        material.use_nodes = True  # always so from 5.0 on, and deprecated there
    tree = material.node_tree
    tree.nodes.clear()
    attribute = tree.nodes.new("ShaderNodeAttribute")
    attribute.attribute_name = SHOWN_COLOR
    emission = tree.nodes.new("ShaderNodeEmission")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    for column, node in enumerate((attribute, emission, output)):
        node.location = (200 * column, 0)
    tree.links.new(attribute.outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material
