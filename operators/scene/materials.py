"""Materials that show a colour as it is, whatever the light; the one of all point clouds shows each point's own."""

from typing import Any

import bpy

from .shared import shared_block

SHOWN_COLOR = "shown_color"  # of the evaluated points; Cycles draws an attribute named "color" black on point clouds


def points_material() -> bpy.types.Material:
    """The shared material, made at its first use. Renders in Cycles and EEVEE."""
    return shared_block(bpy.data.materials, "DUSt3R Points", 1, _make)


def mesh_material(name: str, picture: bpy.types.Image | str) -> bpy.types.Material:
    """A new material that shows a picture, or the vertices' colours that an attribute has."""
    material: Any = bpy.data.materials.new(name)
    emission, nodes = emit(material), material.node_tree.nodes
    if isinstance(picture, str):
        source = nodes.new("ShaderNodeVertexColor")
        source.layer_name = picture
    else:
        source = nodes.new("ShaderNodeTexImage")
        source.image = picture
        nodes.active = source  # what viewports in Solid show as texture
    material.node_tree.links.new(source.outputs["Color"], emission.inputs["Color"])
    return material


def emit(material: Any) -> Any:
    """Let the material shine in one colour and do nothing else; returns the emission node."""
    if bpy.app.version < (5, 0):
        material.use_nodes = True  # always so from 5.0 on, and deprecated there
    tree = material.node_tree
    tree.nodes.clear()
    emission, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    emission.location, output.location = (200, 0), (400, 0)
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return emission


def _make(name: str) -> bpy.types.Material:
    material: Any = bpy.data.materials.new(name)
    emission = emit(material)
    attribute = material.node_tree.nodes.new("ShaderNodeAttribute")
    attribute.attribute_name = SHOWN_COLOR
    material.node_tree.links.new(attribute.outputs["Color"], emission.inputs["Color"])
    return material
